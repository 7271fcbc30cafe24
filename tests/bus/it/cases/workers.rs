//! Workers that die, join, leave, or are slow.

use std::time::{Duration, Instant};

use bus_tests::call::Method;

use crate::harness::check::{check, nothing_unfinished_is_committed};
use crate::harness::{PATIENCE, World, eventually, soak, soaking};

/// How soon calls succeed again after the only worker was started again. Asked of a soak, which has
/// the machine to itself; a test run only counts it.
const RECOVERY: Duration = Duration::from_secs(5);

/// Kills the only worker while its calls take `flags` long, and starts it again.
async fn killed(case: &'static str, method: Method, flags: &[&str], effect_first: bool) {
    let Some(world) = World::new(case).await else {
        return;
    };
    let mut worker = world.worker(&["--instance", "one"]).await;
    let flags = [&["--in-flight", "8", "--deadline-ms", "3000"], flags].concat();
    let mut caller = world.caller("a", method, &flags);
    let mut longest = Duration::ZERO;
    for _ in 0..soak(1, 10) {
        caller.process.answered_after(Instant::now()).await;
        // In the middle of a call: some have begun, and not all of those have ended.
        let look = async || {
            let state = worker.state().await;
            let effects = world.effects().len();
            let told = caller.process.endings().len();
            (state.running > 0 && (!effect_first || effects > told)).then_some(())
        };
        eventually("calls that run", PATIENCE, look).await;
        worker.kill().await;
        let done = caller.process.endings().into_iter();
        let done = done.filter(|(_, ended)| ended.status == "Ok");
        let done = done.map(|(_, ended)| ended.id).collect();
        if !method.at_most_once() {
            nothing_unfinished_is_committed(&world, method, &done).await;
        }
        let started = Instant::now();
        worker = world.start_worker(&["--instance", "one"]);
        // Until then answers of the killed one may still come in.
        let ready = worker.ready().await;
        let answered = caller.process.answered_after(ready).await;
        longest = longest.max(answered - started);
    }
    caller.process.stop().await;
    worker.stop().await;
    let mut figures = check(&world, &[&caller]).await;
    figures.took("served again", longest);
    figures.publish();
    assert!(!soaking() || longest < RECOVERY, "{longest:?}");
}

const BEFORE: [&str; 2] = ["--delay-ms", "300"];
const AFTER: [&str; 2] = ["--delay-after-ms", "300"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotent_call_runs_again_after_its_worker_was_killed() {
    killed("worker killed, idempotent", Method::Apply, &BEFORE, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotent_call_runs_again_after_its_worker_was_killed_behind_the_effect() {
    let case = "worker killed between effect and commit, idempotent";
    killed(case, Method::Apply, &AFTER, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journaled_call_takes_effect_once_though_its_worker_was_killed() {
    let case = "worker killed between effect and commit, journal";
    killed(case, Method::Charge, &AFTER, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_call_takes_effect_once_though_its_worker_was_killed() {
    let case = "worker killed between effect and commit, commit first";
    killed(case, Method::ChargeCommitted, &AFTER, true).await;
}
