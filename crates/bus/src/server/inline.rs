//! Whether a method's handler may begin on the poll thread.
//!
//! Answering there costs less than handing a task to a runtime that sleeps, if the handler is done at
//! once. One that burns CPU would hold up every other record, so what handlers cost is measured, and
//! only quick ones stay. It is the thread's own time that counts: on a machine that is busy with
//! other things every handler takes long by the clock.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// What a handler may keep the poll thread for, on average.
const LIMIT: Duration = Duration::from_micros(250);

/// A handler that keeps the poll thread for so long by the clock is slow, whatever it does meanwhile.
const TOO_LONG: Duration = Duration::from_millis(50);

/// How often a slow method is given another chance, in calls.
const AGAIN: u32 = 4096;

/// A running average of one method.
#[derive(Debug, Default)]
pub(super) struct Inline {
    /// In nanoseconds.
    average: AtomicU32,
    skipped: AtomicU32,
}

impl Inline {
    /// Whether the next call may begin on the poll thread.
    pub(super) fn may(&self) -> bool {
        if self.is_quick() {
            return true;
        }
        // The one measurement that decides after this is a fresh one.
        if self.skipped.fetch_add(1, Ordering::Relaxed) % AGAIN == AGAIN - 1 {
            self.average.store(0, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// Whether its calls are quick, as far as they were measured.
    fn is_quick(&self) -> bool {
        u128::from(self.average.load(Ordering::Relaxed)) <= LIMIT.as_nanos()
    }

    /// Runs a future to its end beside the poll thread, and notes what its first poll cost, which is
    /// what it would cost that thread. What is known to be slow is not measured here: see
    /// [`may`](Self::may).
    pub(super) async fn first_measured(&self, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        let mut begun = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut begun, true) || !self.is_quick() {
                return work.as_mut().poll(context);
            }
            self.measured(|| work.as_mut().poll(context))
        })
        .await;
    }

    /// Runs something on this thread and notes what it cost.
    pub(super) fn measured<T>(&self, work: impl FnOnce() -> T) -> T {
        let (begun, cpu) = (Instant::now(), thread_time());
        let done = work();
        let elapsed = begun.elapsed();
        // The thread's time is asked for only where the clock leaves a doubt.
        self.took(if elapsed <= LIMIT || elapsed >= TOO_LONG {
            elapsed
        } else {
            thread_time().saturating_sub(cpu)
        });
        done
    }

    /// A call cost the poll thread so much.
    fn took(&self, time: Duration) {
        let nanos = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        let average = self.average.load(Ordering::Relaxed);
        let next = average - average / 8 + nanos / 8;
        self.average.store(next, Ordering::Relaxed);
    }
}

/// What this thread has run for; zero where the system does not say.
fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_burns_time_leaves_the_poll_thread_and_may_come_back() {
        let inline = Inline::default();
        assert!(inline.may());
        inline.took(Duration::from_millis(20));
        assert!(!inline.may());
        let again = (0..AGAIN).filter(|_| inline.may()).count();
        assert_eq!(again, 2);
    }

    #[test]
    fn what_is_measured_is_what_the_thread_does() {
        let inline = Inline::default();
        assert_eq!(inline.measured(|| 7), 7);
        assert!(inline.may());
        let begun = thread_time();
        inline.measured(|| while thread_time() < begun + Duration::from_millis(5) {});
        assert!(!inline.may());
    }

    #[tokio::test]
    async fn only_the_first_poll_of_a_future_counts() {
        let inline = Inline::default();
        let burn = || {
            let begun = thread_time();
            while thread_time() < begun + Duration::from_millis(5) {}
        };
        let late = async {
            tokio::task::yield_now().await;
            burn();
        };
        inline.first_measured(late).await;
        assert!(inline.is_quick());
        inline.first_measured(async { burn() }).await;
        assert!(!inline.is_quick());
    }

    #[test]
    fn one_slow_call_among_quick_ones_changes_nothing() {
        let inline = Inline::default();
        for _ in 0..100 {
            inline.took(Duration::from_micros(5));
        }
        inline.took(Duration::from_micros(1000));
        assert!(inline.may());
    }

    #[test]
    fn a_method_that_stopped_for_ever_is_no_overflow() {
        let inline = Inline::default();
        for _ in 0..100 {
            inline.took(Duration::MAX);
        }
        assert!(!inline.may());
    }
}
