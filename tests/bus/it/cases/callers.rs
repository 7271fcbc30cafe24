//! Callers that die, change their mind, or call faster than anybody takes it.

use std::time::Instant;

use bus_tests::call::Method;

use crate::harness::check::check;
use crate::harness::{PATIENCE, World, eventually, patient, soak};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_caller_leaves_the_worker_and_the_next_caller_well() {
    let Some(world) = World::new("caller killed with calls in flight").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let mut callers = Vec::new();
    for turn in 0..soak(2, 20) {
        let flags = ["--in-flight", "32", "--delay-ms", "300"];
        let mut caller = world.caller(&format!("killed{turn}"), Method::Apply, &flags);
        let look = async || (worker.state().await.running > 0).then_some(());
        eventually("calls that run", PATIENCE, look).await;
        caller.process.kill().await;
        callers.push(caller);
    }
    let calls = soak(100, 10_000).to_string();
    let mut next = world.caller("next", Method::Apply, &patient(&["--calls", &calls]));
    assert!(next.process.exit().await.success());
    let look = async || {
        let state = worker.state().await;
        (state.running + state.in_flight == 0).then_some(())
    };
    eventually("an idle worker", PATIENCE, look).await;
    worker.stop().await;
    assert_eq!(
        next.process.summary().map(|summary| summary.errors.len()),
        Some(0)
    );
    callers.push(next);
    let callers: Vec<_> = callers.iter().collect();
    check(&world, &callers).await.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_leave_nothing_behind_on_either_side() {
    let Some(world) = World::new("cancelled calls").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let calls = soak(10_000, 100_000).to_string();
    let flags = [
        "--calls",
        &calls,
        "--in-flight",
        "256",
        "--delay-ms",
        "50",
        "--drop-after-ms",
        "10",
    ];
    let mut caller = world.caller("a", Method::Echo, &flags);
    assert!(caller.process.exit().await.success());
    let ended = Instant::now();
    let look = async || {
        let state = worker.state().await;
        (state.running + state.in_flight == 0).then_some(())
    };
    eventually("an idle worker", PATIENCE, look).await;
    let idle = ended.elapsed();
    // The next call is answered as if nothing had been.
    let mut next = world.caller("b", Method::Echo, &patient(&["--calls", "20"]));
    assert!(next.process.exit().await.success());
    worker.stop().await;
    assert_eq!(next.process.summary().map(|summary| summary.ok), Some(20));
    assert_eq!(worker.stopped().map(|state| state.running), Some(0));
    let mut figures = check(&world, &[&caller, &next]).await;
    figures.took("worker idle", idle);
    figures.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_no_broker_takes_end_with_one_error_each() {
    let Some(world) = World::new("full local queue").await else {
        return;
    };
    // It stays ready for some seconds after the brokers are away, and takes calls meanwhile. Those
    // of a soak are more than may be in flight, and than the local queue takes.
    let in_flight = soak(1_000, 11_000).to_string();
    let flags = [
        "--in-flight",
        &in_flight,
        "--deadline-ms",
        "500",
        "--pause-ms",
        "20",
    ];
    let mut worker = world.worker(&[]).await;
    let mut probe = world.caller("probe", Method::Echo, &["--calls", "20"]);
    assert!(probe.process.exit().await.success());
    let mut caller = world.caller("a", Method::Echo, &flags);
    caller.process.ended(1).await;
    let away = world.set.pause(None).await;
    let wanted = usize::try_from(soak(4_000, 200_000)).unwrap();
    caller.process.ended(wanted).await;
    caller.process.stop().await;
    away.back().await;
    let mut after = world.caller("after", Method::Echo, &["--calls", "20"]);
    assert!(after.process.exit().await.success());
    worker.stop().await;
    for (_, ended) in caller.process.endings() {
        let clear = ["Ok", "DeadlineExceeded", "ResourceExhausted", "Unavailable"];
        assert!(clear.contains(&ended.status.as_str()), "{ended:?}");
        assert!(
            ended.status == "Ok" || !ended.message.is_empty(),
            "{ended:?}"
        );
    }
    check(&world, &[&probe, &caller, &after]).await.publish();
}
