//! A closed loop: each of the calls in flight is followed by the next when it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use crate::sides::Caller;

/// Longer than any call lasts: its deadline is far sooner.
const LONGEST: Duration = Duration::from_secs(60);
/// Three digits: an error of a thousandth.
const DIGITS: u8 = 3;

/// How long a loop goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    For(Duration),
    Calls(u64),
}

/// What came of a loop.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How long each call took that was answered, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    /// How many were not.
    pub(crate) failed: u64,
    pub(crate) elapsed: Duration,
}

/// What the calls of a loop share.
struct Shared {
    gate: Gate,
    tally: Mutex<Tally>,
}

/// One for all calls: one each would be a quarter of a megabyte each.
struct Tally {
    latencies: Histogram<u64>,
    failed: u64,
    first_error: Option<anyhow::Error>,
}

/// Tells whether another call may begin.
enum Gate {
    Until(Instant),
    Left(AtomicU64),
}

/// Keeps calls in flight for a span; the last of them have ended when it returns.
///
/// # Errors
/// When no call was answered: the first one's error.
pub(crate) async fn run<C: Caller>(caller: &C, in_flight: u32, span: Span) -> Result<Ended> {
    let begun = Instant::now();
    let shared = Arc::new(Shared {
        gate: Gate::new(begun, span),
        tally: Mutex::new(Tally {
            latencies: histogram(),
            failed: 0,
            first_error: None,
        }),
    });
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| tokio::spawn(one_at_a_time(caller.clone(), Arc::clone(&shared))))
        .collect();
    for task in tasks {
        task.await.context("a caller has panicked")?;
    }
    let elapsed = begun.elapsed();
    let shared = Arc::into_inner(shared).context("a caller goes on")?;
    let Tally {
        latencies,
        failed,
        first_error,
    } = shared.into_tally();
    match first_error {
        Some(error) if latencies.is_empty() => return Err(error.context("no call was answered")),
        Some(error) => tracing::warn!("{failed} calls failed, the first with: {error:#}"),
        None => {}
    }
    Ok(Ended {
        latencies,
        failed,
        elapsed,
    })
}

async fn one_at_a_time<C: Caller>(mut caller: C, shared: Arc<Shared>) {
    while shared.gate.lets_begin() {
        let begun = Instant::now();
        let answered = caller.round_trip().await;
        let taken = begun.elapsed();
        let mut tally = shared.tally();
        match answered {
            Ok(()) => tally.latencies.saturating_record(nanos(taken)),
            Err(error) => {
                tally.failed += 1;
                tally.first_error.get_or_insert(error);
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_tally(self) -> Tally {
        self.tally
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Gate ===

impl Gate {
    fn new(begun: Instant, span: Span) -> Self {
        match span {
            Span::For(time) => Self::Until(begun + time),
            Span::Calls(calls) => Self::Left(AtomicU64::new(calls)),
        }
    }

    fn lets_begin(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        match self {
            Self::Until(end) => Instant::now() < *end,
            Self::Left(left) => left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
                .is_ok(),
        }
    }
}

/// An empty histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, nanos(LONGEST), DIGITS).expect("a range, and digits up to five")
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use anyhow::bail;

    use super::*;

    /// Every `fails`-th call fails; counts how many are in flight at once.
    #[derive(Clone, Default)]
    struct Fake {
        made: Arc<AtomicU64>,
        now: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        fails: u64,
    }

    impl Caller for Fake {
        async fn round_trip(&mut self) -> Result<()> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            if self.fails > 0 && number.is_multiple_of(self.fails) {
                bail!("call {number} failed");
            }
            Ok(())
        }

        async fn end(self) {}
    }

    #[tokio::test]
    async fn as_many_calls_are_in_flight_as_were_asked_for() {
        let fake = Fake::default();
        let ended = run(&fake, 7, Span::Calls(100)).await.unwrap();
        assert_eq!((ended.latencies.len(), ended.failed), (100, 0));
        assert_eq!(fake.most.load(Ordering::SeqCst), 7);
    }

    #[tokio::test]
    async fn failed_calls_are_counted_and_have_no_latency() {
        let fake = Fake {
            fails: 4,
            ..Fake::default()
        };
        let ended = run(&fake, 1, Span::Calls(8)).await.unwrap();
        assert_eq!((ended.latencies.len(), ended.failed), (6, 2));
    }

    #[tokio::test]
    async fn a_load_that_is_never_answered_is_an_error() {
        let fake = Fake {
            fails: 1,
            ..Fake::default()
        };
        let error = run(&fake, 1, Span::Calls(3)).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "no call was answered: call 1 failed");
    }
}
