//! Clocks that are a minute apart.

use bus_tests::call::Method;

use crate::harness::check::check;
use crate::harness::figures::Figures;
use crate::harness::{World, patient, soak};

/// Calls with the clocks of caller and worker shifted against the broker's.
async fn skewed(
    case: &'static str,
    caller_by: Option<i32>,
    worker_by: Option<i32>,
    flags: &[&str],
) -> Option<Figures> {
    let world = World::new(case).await?;
    if !world.can_shift_clocks() {
        return None;
    }
    let mut worker = world.worker_at(worker_by, &[]);
    worker.ready().await;
    let calls = soak(50, 2_000).to_string();
    let flags = [flags, &["--calls", &calls]].concat();
    let mut caller = world.caller_at(caller_by, "a", Method::Apply, &flags);
    assert!(caller.process.exit().await.success());
    worker.stop().await;
    let figures = check(&world, &[&caller]).await;
    figures.publish();
    Some(figures)
}

fn all_answered(figures: Option<Figures>) {
    if let Some(figures) = figures {
        assert_eq!(figures.ok, figures.calls, "{figures:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_with_a_broker_that_is_a_minute_behind() {
    let case = "broker's clock a minute behind";
    all_answered(skewed(case, Some(60), Some(60), &patient(&[])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_with_a_broker_that_is_a_minute_ahead() {
    let case = "broker's clock a minute ahead";
    all_answered(skewed(case, Some(-60), Some(-60), &patient(&[])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_with_a_caller_that_is_a_minute_ahead_of_the_worker() {
    let case = "caller's clock a minute ahead of the worker's";
    all_answered(skewed(case, Some(60), None, &patient(&[])).await);
}

/// A worker cannot tell such a call from one that has waited for a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_caller_that_is_a_minute_behind_are_refused_at_once_and_take_no_effect() {
    let case = "caller's clock a minute behind the worker's";
    // Half of what the clocks are apart: over when it arrives, and long after it was refused for a
    // caller on the busiest machine.
    let flags = ["--deadline-ms", "30000"];
    let Some(figures) = skewed(case, Some(-60), None, &flags).await else {
        return;
    };
    let refused = figures.errors.get("DeadlineExceeded").copied();
    assert_eq!(refused, Some(figures.calls), "{figures:?}");
    assert_eq!(figures.effects, 0, "{figures:?}");
    // By the worker's word, not by the caller's own timer.
    assert!(
        figures.latest_ms.is_some_and(|latest| latest < 0),
        "{figures:?}"
    );
}
