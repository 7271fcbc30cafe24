//! Brokers that die, freeze, or all go away and come back.

use std::time::{Duration, Instant};

use bus_tests::call::Method;

use crate::harness::check::check;
use crate::harness::{World, soak};

/// How a caller in these cases calls: steadily, with a deadline shorter than the outage.
const STEADILY: [&str; 6] = [
    "--deadline-ms",
    "2000",
    "--in-flight",
    "8",
    "--pause-ms",
    "20",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_again_after_the_leader_of_a_topic_was_killed() {
    let Some(world) = World::new("leader killed").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let mut caller = world.caller("a", Method::Apply, &STEADILY);
    caller.process.ended(50).await;
    let mut longest = Duration::ZERO;
    for _ in 0..soak(1, 5) {
        let leader = world.kafka.leader(&world.topic(Method::Apply), 0).await;
        let away = world.set.kill(Some(leader)).await;
        let killed = Instant::now();
        // While one is away, another leads: every partition is served.
        let other = async {
            loop {
                let now = world.kafka.leader(&world.topic(Method::Apply), 0).await;
                if now != leader {
                    return;
                }
            }
        };
        crate::harness::within("another leader", crate::harness::PATIENCE, other).await;
        caller.process.answered_after(Instant::now()).await;
        longest = longest.max(killed.elapsed());
        away.back().await;
        caller.process.answered_after(Instant::now()).await;
    }
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller]).await;
    figures.took("served again", longest);
    figures.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_by_their_deadline_while_a_broker_is_frozen() {
    let Some(world) = World::new("broker frozen").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let mut caller = world.caller("a", Method::ChargeCommitted, &STEADILY);
    caller.process.ended(50).await;
    let mut longest = Duration::ZERO;
    for _ in 0..soak(1, 5) {
        let topic = world.topic(Method::ChargeCommitted);
        let leader = world.kafka.leader(&topic, 0).await;
        let away = world.set.pause(Some(leader)).await;
        // Longer than the deadline: those that were sent to it end without an answer.
        let before = caller.process.endings().len();
        caller.process.ended(before + 30).await;
        away.back().await;
        let back = Instant::now();
        let answered = caller.process.answered_after(back).await;
        longest = longest.max(answered - back);
    }
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller]).await;
    figures.took("served again", longest);
    figures.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_again_after_all_brokers_were_away() {
    let Some(world) = World::new("all brokers gone and back").await else {
        return;
    };
    let mut worker = world.worker(&["--instance", "one"]).await;
    let mut caller = world.caller("a", Method::Apply, &STEADILY);
    caller.process.ended(50).await;
    let away = world.set.kill(None).await;
    let before = caller.process.endings().len();
    caller.process.ended(before + 16).await;
    away.back().await;
    let back = Instant::now();
    let answered = caller.process.answered_after(back).await;
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller]).await;
    figures.took("served again", answered - back);
    figures.publish();
}
