//! Buckets in this process.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::gcra::{Outcome, Rate};

/// As many buckets as are kept, some 100 bytes each. Beyond them callers that are new share one bucket
/// a limit: whoever comes from everywhere is one caller.
const MOST: usize = 100_000;

/// The bucket of those for whom there is none.
const SHARED: &str = "shared";

#[derive(Debug, Default)]
pub(super) struct Local(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    /// Each bucket's time, in microseconds since 1970.
    times: HashMap<String, u64>,
    /// When those that are over were last looked for.
    swept: u64,
}

/// Between two looks for buckets that are over, in microseconds.
const SWEEP_EVERY: u64 = 1_000_000;

// === impl Local ===

impl Local {
    /// Takes one call from each bucket of `keys`, or from none if one refuses. `now` is the time since
    /// 1970.
    pub(super) fn take(&self, keys: &[String], rates: &[Rate], now: Duration) -> Outcome {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.0.lock().take(keys, rates, now, MOST)
    }
}

// === impl Buckets ===

impl Buckets {
    fn take(&mut self, keys: &[String], rates: &[Rate], now: u64, most: usize) -> Outcome {
        let mut moved = Vec::with_capacity(keys.len());
        let mut closest = None::<(usize, super::gcra::Left)>;
        for (index, (key, rate)) in keys.iter().zip(rates).enumerate() {
            let key = self.room(key, now, most);
            let bucket = self.times.get(&key).copied().unwrap_or(0);
            match rate.step(bucket, now) {
                Ok(time) => {
                    let left = rate.left(time, now);
                    if closest.is_none_or(|(_, closest)| left.remaining < closest.remaining) {
                        closest = Some((index, left));
                    }
                    moved.push((key, time));
                }
                Err(wait) => {
                    let closest = (index, rate.left(bucket, now));
                    return Outcome {
                        closest,
                        retry_after: Some(wait),
                    };
                }
            }
        }
        self.times.extend(moved);
        let none = super::gcra::Left {
            remaining: 0,
            reset: Duration::ZERO,
        };
        Outcome {
            closest: closest.unwrap_or((0, none)),
            retry_after: None,
        }
    }

    /// The key itself, if it has a bucket or there is room for one.
    fn room(&mut self, key: &str, now: u64, most: usize) -> String {
        if self.times.len() >= most && now.abs_diff(self.swept) >= SWEEP_EVERY {
            self.swept = now;
            self.times.retain(|_, time| *time > now);
        }
        if self.times.len() < most || self.times.contains_key(key) {
            return key.to_owned();
        }
        // The caller is the last part of a key.
        let limit = key.rsplitn(2, ":").last().unwrap_or_default();
        format!("{limit}:{SHARED}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        interval: 1_000_000,
        tolerance: 2_000_000,
        burst: 2,
    };

    fn take(buckets: &mut Buckets, key: &str, now: u64) -> bool {
        let keys = [key.to_owned()];
        buckets.take(&keys, &[RATE], now, 3).retry_after.is_none()
    }

    #[test]
    fn a_call_that_one_bucket_refuses_takes_from_none() {
        let mut buckets = Buckets::default();
        let wide = Rate {
            tolerance: 10_000_000,
            burst: 10,
            ..RATE
        };
        let keys = ["a".to_owned(), "b".to_owned()];
        let mut ask = |now| buckets.take(&keys, &[wide, RATE], now, 10);
        assert!(ask(0).retry_after.is_none() && ask(0).retry_after.is_none());
        let refused = ask(0);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(refused.closest.0, 1);
        assert_eq!(buckets.times["a"], 2_000_000);
    }

    #[test]
    fn callers_without_a_bucket_share_one_until_others_are_over() {
        let mut buckets = Buckets::default();
        for key in ["p:0:a", "p:0:b", "p:0:c"] {
            assert!(take(&mut buckets, key, 10));
        }
        // Two calls of the shared bucket, whoever they are.
        assert!(take(&mut buckets, "p:0:d", 10) && take(&mut buckets, "p:0:e", 10));
        assert!(!take(&mut buckets, "p:0:f", 10));
        assert_eq!(buckets.times.len(), 4);
        // Those that have one keep it.
        assert!(take(&mut buckets, "p:0:a", 10));
        let later = 10_000_000;
        assert!(take(&mut buckets, "p:0:f", later));
        assert_eq!(buckets.times.len(), 1);
    }
}
