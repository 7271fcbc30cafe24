//! Noticing that things come one right after the other.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// What comes so soon after the one before came close behind it, in nanoseconds: sooner than a lone
/// caller hears of its last call.
const CLOSE: u64 = 250_000;

/// All of them.
const ALL: u32 = 1 << 16;

/// How many of the last ones count, more or less.
const MEMORY: u32 = 16;

/// The share of the last ones that came close behind another. Threads that note at once may lose a
/// note, which changes little.
#[derive(Debug)]
pub(super) struct Crowd {
    begun: Instant,
    /// When the last one came, in nanoseconds since then.
    last: AtomicU64,
    /// Of [`ALL`].
    close: AtomicU32,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            close: AtomicU32::new(0),
        }
    }
}

impl Crowd {
    /// Another one comes. Says whether most of the last ones came close behind another.
    pub(super) fn note(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.begun).as_nanos();
        let now = u64::try_from(since).unwrap_or(u64::MAX);
        let gap = now.saturating_sub(self.last.swap(now, Ordering::Relaxed));
        let own = if gap < CLOSE { ALL } else { 0 };
        let close = self.close.load(Ordering::Relaxed);
        let close = close - close / MEMORY + own / MEMORY;
        self.close.store(close, Ordering::Relaxed);
        close > ALL / 2
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Notes so many, each so long after the one before; says whether the last was in a crowd.
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
        assert!(!noted(&crowd, &mut at, [5; 8]));
        assert!(noted(&crowd, &mut at, [5; 8]));
        let bursts = std::iter::repeat_n([2000, 5, 5, 5, 5, 5, 5, 5], 100).flatten();
        assert!(noted(&crowd, &mut at, bursts));
        assert!(noted(&crowd, &mut at, [2000]));
        assert!(!noted(&crowd, &mut at, [2000; 12]));
    }

    #[test]
    fn a_time_before_the_last_is_no_overflow() {
        let crowd = Crowd::default();
        let at = crowd.begun;
        assert!(!crowd.note(at + Duration::from_secs(5)));
        assert!(!crowd.note(at));
    }
}
