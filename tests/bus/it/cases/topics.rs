//! Topics that change while they are used.

use std::time::Instant;

use bus_tests::call::Method;
use bus_tests::report::Line;

use crate::harness::check::check;
use crate::harness::{PATIENCE, World, eventually, patient, soak};

const STEADILY: [&str; 4] = ["--in-flight", "8", "--pause-ms", "10"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn added_partitions_are_served_without_a_restart() {
    let Some(world) = World::new("partitions added").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let mut caller = world.caller("a", Method::Apply, &patient(&STEADILY));
    caller.process.ended(50).await;
    let topic = world.topic(Method::Apply);
    world.kafka.add_partitions(&topic, 6).await;
    let added = Instant::now();
    // A caller that starts now knows of all of them at once.
    let calls = soak(200, 5_000).to_string();
    let mut fresh = world.caller(
        "b",
        Method::Apply,
        &patient(&[&STEADILY[..], &["--calls", &calls]].concat()),
    );
    let look = async || {
        let committed = world.kafka.committed(&world.group(), &topic).await;
        let fresh = committed.iter().filter(|(id, end)| **id >= 2 && **end > 0);
        (fresh.count() == 4).then_some(())
    };
    eventually("commits in each new partition", PATIENCE, look).await;
    let served = added.elapsed();
    assert!(fresh.process.exit().await.success());
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller, &fresh]).await;
    figures.took("all partitions committed", served);
    figures.publish();
    assert_eq!(figures.ok, figures.calls, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_unready_without_its_reply_topic_and_ready_with_it() {
    let Some(world) = World::new("reply topic made anew").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let flags = [
        "--in-flight",
        "4",
        "--pause-ms",
        "50",
        "--deadline-ms",
        "1000",
    ];
    let mut caller = world.caller("a", Method::Apply, &flags);
    caller.process.answered_after(Instant::now()).await;
    world.kafka.delete_topic(&world.reply_topic()).await;
    let deleted = Instant::now();
    let unready = |at, line: &Line| match line {
        Line::Unready { .. } if at > deleted => Some(at),
        _ => None,
    };
    let unready = caller.process.line("unreadiness", unready).await - deleted;
    world.make_topics().await;
    let made = Instant::now();
    let ready = |at, line: &Line| match line {
        Line::Ready if at > made => Some(at),
        _ => None,
    };
    let ready = caller.process.line("readiness", ready).await - made;
    let answered = caller.process.answered_after(made).await - made;
    // Not one of its lanes waits for an answer that went to the topic that is gone.
    let later = Instant::now();
    caller.process.answered_in_each_lane(4, later).await;
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller]).await;
    figures.took("unready", unready);
    figures.took("ready", ready);
    figures.took("answered", answered);
    figures.publish();
}
