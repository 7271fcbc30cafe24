//! Workers that join and leave, one that is slow, and restarts of everything in turn.

use std::time::Instant;

use bus_tests::call::Method;

use crate::harness::check::check;
use crate::harness::{World, patient, soak, soaking};

const STEADILY: [&str; 4] = ["--in-flight", "8", "--pause-ms", "10"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_answered_while_workers_join_and_leave() {
    let Some(world) = World::new("rebalance storm").await else {
        return;
    };
    let mut first = world.worker(&["--instance", "first"]).await;
    let mut caller = world.caller("a", Method::Apply, &patient(&STEADILY));
    caller.process.ended(50).await;
    for _ in 0..soak(3, 30) {
        let mut second = world.worker(&[]).await;
        caller.process.answered_after(Instant::now()).await;
        second.stop().await;
    }
    caller.process.stop().await;
    first.stop().await;
    let figures = check(&world, &[&caller]).await;
    figures.publish();
    assert_eq!(figures.ok, figures.calls, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_worker_does_not_hold_up_the_other() {
    let Some(world) = World::new("one of two workers is slow").await else {
        return;
    };
    let mut quick = world.worker(&[]).await;
    let mut slow = world.worker(&["--slow-ms", "1000"]).await;
    // The calls of the slow one's partition fill all places of a caller, so there are many places.
    let calls = soak(400, 20_000).to_string();
    let in_flight = soak(64, 512).to_string();
    let flags = ["--in-flight", &in_flight, "--calls", &calls];
    let mut caller = world.caller("a", Method::Echo, &patient(&flags));
    assert!(caller.process.exit().await.success());
    quick.stop().await;
    slow.stop().await;
    let figures = check(&world, &[&caller]).await;
    let endings = caller.process.endings();
    let took = |ended: &bus_tests::report::Ended| ended.ended_ms - ended.begun_ms;
    let fast = endings.iter().filter(|(_, ended)| took(ended) < 1000);
    // A fair share of the partitions is the quick one's, and so of the calls at least a fifth. A
    // machine that is busy with other tests may make all of them slow.
    assert!(!soaking() || fast.count() >= endings.len() / 5);
    figures.publish();
    assert_eq!(figures.ok, figures.calls, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_workers_and_callers_loses_no_call() {
    let Some(world) = World::new("rolling restart under load").await else {
        return;
    };
    let instance = |name| ["--instance", name];
    let mut one = world.worker(&instance("one")).await;
    let mut two = world.worker(&instance("two")).await;
    let mut callers = vec![world.caller("0", Method::Apply, &patient(&STEADILY))];
    let mut begun = callers[0].process.answered_after(Instant::now()).await;
    for turn in 0..soak(1, 10) {
        for (worker, name) in [(&mut one, "one"), (&mut two, "two")] {
            worker.stop().await;
            *worker = world.worker(&instance(name)).await;
            begun = begun.max(Instant::now());
        }
        let next = world.caller(&(turn + 1).to_string(), Method::Apply, &patient(&STEADILY));
        next.process.answered_after(begun).await;
        callers.last_mut().unwrap().process.stop().await;
        callers.push(next);
    }
    callers.last_mut().unwrap().process.stop().await;
    one.stop().await;
    two.stop().await;
    let callers: Vec<_> = callers.iter().collect();
    let figures = check(&world, &callers).await;
    figures.publish();
    assert_eq!(figures.ok, figures.calls, "{figures:?}");
    for worker in [one, two] {
        assert_eq!(worker.stopped().map(|state| state.in_flight), Some(0));
    }
}
