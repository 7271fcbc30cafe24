//! Remembers what was verified, bounded in size.

use std::collections::HashMap;
use std::mem;
use std::time::SystemTime;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::claims::Window;
use crate::{MAX_TOKEN_BYTES, TokenError};

/// Independent parts, so that threads seldom wait for each other. A power of two.
const SHARDS: usize = 16;

/// The SHA-256 hash of a whole token.
type Key = [u8; 32];

/// What tokens were found to say. Keyed by hash, so that the memory holds no usable token.
pub(crate) struct Cache<T> {
    shards: Vec<Mutex<Shard<T>>>,
}

/// Two generations: entries are added to `young`; when that is full it becomes `old`, and the old
/// one is dropped whole. What is used meanwhile moves back to `young`. So the size is bounded and
/// what is in use stays, without a list to keep in order.
struct Shard<T> {
    young: HashMap<Key, Entry<T>>,
    old: HashMap<Key, Entry<T>>,
    half: usize,
}

struct Entry<T> {
    value: T,
    window: Window,
}

// === impl Cache ===

impl<T: Clone> Cache<T> {
    /// A cache of at most `capacity` entries, rounded up to a multiple of twice [`SHARDS`].
    pub(crate) fn new(capacity: usize) -> Self {
        let half = capacity.div_ceil(2 * SHARDS).max(1);
        let shard = || {
            Mutex::new(Shard {
                young: HashMap::new(),
                old: HashMap::new(),
                half,
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
        }
    }

    /// What `token` says: from memory, or else from `verify`, whose success is remembered. In
    /// both cases only if `now` lies in the token's life.
    pub(crate) fn get_or_verify(
        &self,
        token: &str,
        now: SystemTime,
        verify: impl FnOnce() -> Result<(T, Window), TokenError>,
    ) -> Result<T, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let key: Key = Sha256::digest(token.as_bytes()).into();
        let shard = &self.shards[usize::from(key[0]) % SHARDS];
        if let Some(known) = shard.lock().get(&key, now) {
            return known;
        }
        // Outside the lock: two threads may verify the same token once each.
        let (value, window) = verify()?;
        window.check(now)?;
        shard.lock().insert(
            key,
            Entry {
                value: value.clone(),
                window,
            },
        );
        Ok(value)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        });
        sizes.sum()
    }
}

// === impl Shard ===

impl<T: Clone> Shard<T> {
    fn get(&mut self, key: &Key, now: SystemTime) -> Option<Result<T, TokenError>> {
        if let Some(entry) = self.old.remove(key) {
            self.insert(*key, entry);
        }
        let entry = self.young.get(key)?;
        if let Err(error) = entry.window.check(now) {
            if error == TokenError::Expired {
                self.young.remove(key);
            }
            return Some(Err(error));
        }
        Some(Ok(entry.value.clone()))
    }

    fn insert(&mut self, key: Key, entry: Entry<T>) {
        if self.young.len() >= self.half {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn verified() -> Result<(u32, Window), TokenError> {
        Ok((7, Window::new(at(100), at(200))))
    }

    fn not_again() -> Result<(u32, Window), TokenError> {
        panic!("verified again")
    }

    #[test]
    fn a_token_is_verified_once() {
        let cache = Cache::new(100);
        assert_eq!(cache.get_or_verify("a", at(150), verified), Ok(7));
        assert_eq!(cache.get_or_verify("a", at(150), not_again), Ok(7));
    }

    #[test]
    fn the_time_is_checked_at_every_hit() {
        let cache = Cache::new(100);
        assert_eq!(cache.get_or_verify("a", at(150), verified), Ok(7));
        let early = cache.get_or_verify("a", at(90), not_again);
        assert_eq!(early, Err(TokenError::NotYetValid));
        let late = cache.get_or_verify("a", at(205), not_again);
        assert_eq!(late, Err(TokenError::Expired));
        assert_eq!(cache.len(), 0, "expired entries go");
    }

    #[test]
    fn failures_are_not_remembered() {
        let cache = Cache::new(100);
        let failed = cache.get_or_verify("a", at(150), || Err(TokenError::Invalid));
        assert_eq!(failed, Err(TokenError::Invalid));
        let late = cache.get_or_verify("a", at(300), verified);
        assert_eq!(late, Err(TokenError::Expired));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn the_size_is_bounded_and_what_is_in_use_stays() {
        let cache = Cache::new(320);
        assert_eq!(cache.get_or_verify("used", at(150), verified), Ok(7));
        for number in 0..10_000 {
            let token = number.to_string();
            assert_eq!(cache.get_or_verify(&token, at(150), verified), Ok(7));
            assert_eq!(cache.get_or_verify("used", at(150), not_again), Ok(7));
        }
        assert!(cache.len() <= 320, "{}", cache.len());
    }

    #[test]
    fn a_huge_token_is_not_even_hashed() {
        let cache = Cache::new(100);
        let token = "a".repeat(MAX_TOKEN_BYTES + 1);
        let refused = cache.get_or_verify(&token, at(150), not_again);
        assert_eq!(refused, Err(TokenError::TooLong));
    }
}
