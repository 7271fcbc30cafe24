//! Whether calls are made one right after the other, so that their records can leave together.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// What comes so soon after the one before came close behind it, in nanoseconds.
const CLOSE: u64 = 250_000;

/// All of them.
const ALL: u32 = 1 << 16;

/// How many of the last ones count, more or less.
const MEMORY: u32 = 16;

/// The share of the last ones that came close behind another: a crowd begins above the larger one and
/// ends below the smaller. What gathers comes in bursts, what does not is spread out; between the two
/// bounds it stays as it is, so that the one does not turn into the other by itself.
const BEGINS: u32 = ALL / 4;
const ENDS: u32 = ALL / 8;

/// Watches. Threads that note at once may lose a note, which changes little.
#[derive(Debug)]
pub(super) struct Crowd {
    begun: Instant,
    /// When the last one came, in nanoseconds since then.
    last: AtomicU64,
    /// Of [`ALL`].
    close: AtomicU32,
    is_one: AtomicBool,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            close: AtomicU32::new(0),
            is_one: AtomicBool::new(false),
        }
    }
}

impl Crowd {
    /// Another one comes. Says whether they are a crowd.
    pub(super) fn note(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.begun).as_nanos();
        let now = u64::try_from(since).unwrap_or(u64::MAX);
        let gap = now.saturating_sub(self.last.swap(now, Ordering::Relaxed));
        let own = if gap < CLOSE { ALL } else { 0 };
        let close = self.close.load(Ordering::Relaxed);
        let close = close - close / MEMORY + own / MEMORY;
        self.close.store(close, Ordering::Relaxed);
        let was_one = self.is_one.load(Ordering::Relaxed);
        let is_one = close > if was_one { ENDS } else { BEGINS };
        if is_one != was_one {
            self.is_one.store(is_one, Ordering::Relaxed);
        }
        is_one
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Notes one after each of these gaps, in microseconds; says whether the last was in a crowd.
    fn noted(crowd: &Crowd, at: &mut Instant, gaps: impl IntoIterator<Item = u64>) -> bool {
        let mut crowded = false;
        for gap in gaps {
            *at += Duration::from_micros(gap);
            crowded = crowd.note(*at);
        }
        crowded
    }

    #[test]
    fn lone_ones_are_no_crowd_however_many() {
        let crowd = Crowd::default();
        let mut at = crowd.begun;
        assert!(!noted(&crowd, &mut at, [300; 1000]));
    }

    #[test]
    fn a_burst_is_a_crowd_soon_and_its_first_does_not_end_it() {
        let crowd = Crowd::default();
        let mut at = crowd.begun;
        assert!(!noted(&crowd, &mut at, [5; 3]));
        assert!(noted(&crowd, &mut at, [5; 5]));
        let bursts = std::iter::repeat_n([2000, 5, 5, 5, 5, 5, 5, 5], 100).flatten();
        assert!(noted(&crowd, &mut at, bursts));
        assert!(noted(&crowd, &mut at, [2000; 8]));
        assert!(!noted(&crowd, &mut at, [2000; 40]));
    }

    #[test]
    fn between_the_bounds_it_stays_as_it_is() {
        // One of five is close.
        let between = || std::iter::repeat_n([2000, 2000, 2000, 2000, 5], 100).flatten();
        let crowd = Crowd::default();
        let mut at = crowd.begun;
        assert!(!noted(&crowd, &mut at, between()));
        assert!(noted(&crowd, &mut at, [5; 100]));
        assert!(noted(&crowd, &mut at, between()));
    }

    #[test]
    fn a_time_before_the_last_is_no_overflow() {
        let crowd = Crowd::default();
        let at = crowd.begun;
        assert!(!crowd.note(at + Duration::from_secs(5)));
        assert!(!crowd.note(at));
    }
}
