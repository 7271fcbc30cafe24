//! The algorithm (ITU-T I.371, annex A): a bucket is one number, the time at which it would be as if nobody had ever called.
//! Each call moves it by the interval of the rate; one that would move it too far ahead is refused.

use std::time::Duration;

use chassis::contract::RateLimit;

/// A rate, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// Between two calls that come evenly.
    pub(super) interval: u64,
    /// How far ahead of now a bucket may be.
    pub(super) tolerance: u64,
    /// How many calls may come at once.
    pub(super) burst: u32,
}

/// What is left of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// The calls that may follow at once.
    pub(super) remaining: u32,
    /// Until it is as if nobody had called.
    pub(super) reset: Duration,
}

/// What a call is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The bucket with the least left, by its index; the one that refuses, if one does.
    pub(super) closest: (usize, Left),
    /// When to come again, if the call is refused.
    pub(super) retry_after: Option<Duration>,
}

// === impl Rate ===

impl Rate {
    pub(super) fn of(limit: &RateLimit) -> Self {
        let period = u64::try_from(limit.period.as_micros()).unwrap_or(u64::MAX);
        let interval = (period / u64::from(limit.requests.max(1))).max(1);
        let burst = limit.burst.max(1);
        Self {
            interval,
            tolerance: interval.saturating_mul(burst.into()),
            burst,
        }
    }

    /// Where a call at `now` moves a bucket that is at `bucket`, or for how long it has to wait.
    pub(super) fn step(&self, bucket: u64, now: u64) -> Result<u64, Duration> {
        let moved = bucket.max(now).saturating_add(self.interval);
        match moved.saturating_sub(now).checked_sub(self.tolerance) {
            None | Some(0) => Ok(moved),
            Some(wait) => Err(Duration::from_micros(wait)),
        }
    }

    /// What is left of a bucket at `now`.
    pub(super) fn left(&self, bucket: u64, now: u64) -> Left {
        let ahead = bucket.saturating_sub(now);
        let remaining = self.tolerance.saturating_sub(ahead) / self.interval;
        Left {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_micros(ahead),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_evenly() {
        use chassis::contract::RateLimitKey;
        let rate = Rate::of(&RateLimit {
            key: RateLimitKey::Address,
            requests: 10,
            period: Duration::from_secs(1),
            burst: 3,
        });
        let (mut bucket, now) = (0, 1_000_000_000);
        for left in [2, 1, 0] {
            bucket = rate.step(bucket, now).unwrap();
            assert_eq!(rate.left(bucket, now).remaining, left);
        }
        assert_eq!(rate.step(bucket, now), Err(Duration::from_millis(100)));
        assert_eq!(rate.left(bucket, now).reset, Duration::from_millis(300));
        // One interval later there is room for one more.
        bucket = rate.step(bucket, now + 100_000).unwrap();
        assert!(rate.step(bucket, now + 100_000).is_err());
        // After a while it is as if nobody had called.
        assert_eq!(rate.left(bucket, now + 1_000_000).remaining, 3);
    }

    #[test]
    fn no_number_is_too_large() {
        let rate = Rate {
            interval: u64::MAX,
            tolerance: u64::MAX,
            burst: u32::MAX,
        };
        assert_eq!(rate.step(0, 0), Ok(u64::MAX));
        assert_eq!(rate.left(u64::MAX, 0).remaining, 0);
    }
}
