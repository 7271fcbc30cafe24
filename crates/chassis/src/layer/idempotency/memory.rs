//! Responses in the memory of one process: for tests, and for a service of one replica whose effects
//! end with it too.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::store::{Attempt, Claim, Responses, StoreError};

/// Keeps a bounded number of responses for a time. The oldest makes room for a new one.
#[derive(Debug)]
pub struct MemoryResponses {
    lifetime: Duration,
    most: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: HashMap<[u8; 32], Entry>,
    /// Those with a response, oldest first.
    kept: VecDeque<[u8; 32]>,
}

#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    token: [u8; 16],
    /// When the lease, or the time that the response is kept for, is over.
    until: Instant,
    response: Option<Bytes>,
}

/// As many calls with a key run as there is room for.
#[derive(Debug, thiserror::Error)]
#[error("{0} calls with an idempotency key are running, and there is room for no more")]
struct Full(usize);

// === impl MemoryResponses ===

impl MemoryResponses {
    /// Keeps `most` responses at most, each for `lifetime`.
    #[must_use]
    pub fn new(most: usize, lifetime: Duration) -> Self {
        Self {
            lifetime,
            most,
            entries: Mutex::default(),
        }
    }
}

#[tonic::async_trait]
impl Responses for MemoryResponses {
    async fn claim(&self, attempt: &Attempt, lease: Duration) -> Result<Claim, StoreError> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        entries.forget(now);
        if let Some(entry) = entries.by_id.get(&attempt.id)
            && entry.until > now
        {
            return Ok(if entry.fingerprint != attempt.fingerprint {
                Claim::Mismatch
            } else {
                entry.response.clone().map_or(Claim::Running, Claim::Replay)
            });
        }
        entries.make_room(self.most, now)?;
        let entry = Entry {
            fingerprint: attempt.fingerprint,
            token: attempt.token,
            until: now + lease,
            response: None,
        };
        entries.by_id.insert(attempt.id, entry);
        Ok(Claim::Run)
    }

    async fn keep(&self, attempt: &Attempt, response: Bytes) -> Result<(), StoreError> {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.claimed(attempt) {
            entry.until = Instant::now() + self.lifetime;
            entry.response = Some(response);
            entries.kept.push_back(attempt.id);
        }
        Ok(())
    }

    async fn release(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut entries = self.entries.lock();
        if entries.claimed(attempt).is_some() {
            entries.by_id.remove(&attempt.id);
        }
        Ok(())
    }
}

// === impl Entries ===

impl Entries {
    /// What the attempt has claimed and not settled.
    fn claimed(&mut self, attempt: &Attempt) -> Option<&mut Entry> {
        let entry = self.by_id.get_mut(&attempt.id);
        entry.filter(|entry| entry.token == attempt.token && entry.response.is_none())
    }

    /// Drops the responses whose time is over.
    fn forget(&mut self, now: Instant) {
        while let Some(id) = self.kept.front() {
            if self.by_id.get(id).is_some_and(|entry| entry.until > now) {
                break;
            }
            self.by_id.remove(id);
            self.kept.pop_front();
        }
    }

    fn make_room(&mut self, most: usize, now: Instant) -> Result<(), StoreError> {
        if self.by_id.len() < most {
            return Ok(());
        }
        match self.kept.pop_front() {
            Some(oldest) => drop(self.by_id.remove(&oldest)),
            // Only claims are left: some may be of attempts that ended without a word.
            None => self.by_id.retain(|_, entry| entry.until > now),
        }
        if self.by_id.len() < most {
            Ok(())
        } else {
            Err(StoreError(Box::new(Full(most))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);
    const LIFETIME: Duration = Duration::from_secs(60);

    fn attempt(key: &str, body: &str) -> Attempt {
        Attempt::new("ada", "/a.v1.A/B", key, body.as_bytes()).unwrap()
    }

    async fn claim(responses: &MemoryResponses, attempt: &Attempt) -> Claim {
        responses.claim(attempt, LEASE).await.unwrap()
    }

    fn response() -> Bytes {
        Bytes::from_static(b"answer")
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_runs_and_the_others_get_its_response() {
        let responses = MemoryResponses::new(10, LIFETIME);
        let (first, second, other) = (attempt("k", "a"), attempt("k", "a"), attempt("k", "b"));
        assert_eq!(claim(&responses, &first).await, Claim::Run);
        assert_eq!(claim(&responses, &second).await, Claim::Running);
        assert_eq!(claim(&responses, &other).await, Claim::Mismatch);
        responses.keep(&first, response()).await.unwrap();
        // Settled is settled.
        responses.release(&first).await.unwrap();
        assert_eq!(claim(&responses, &second).await, Claim::Replay(response()));
        assert_eq!(claim(&responses, &other).await, Claim::Mismatch);
        tokio::time::advance(LIFETIME).await;
        assert_eq!(claim(&responses, &other).await, Claim::Run);
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_with_its_release_or_its_lease() {
        let responses = MemoryResponses::new(10, LIFETIME);
        let (first, second) = (attempt("k", "a"), attempt("k", "a"));
        assert_eq!(claim(&responses, &first).await, Claim::Run);
        responses.release(&first).await.unwrap();
        assert_eq!(claim(&responses, &first).await, Claim::Run);
        tokio::time::advance(LEASE).await;
        assert_eq!(claim(&responses, &second).await, Claim::Run);
        // The first has lost it.
        responses.keep(&first, response()).await.unwrap();
        responses.release(&first).await.unwrap();
        assert_eq!(claim(&responses, &first).await, Claim::Running);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_response_makes_room_and_no_claim_does() {
        let responses = MemoryResponses::new(2, LIFETIME);
        let [a, b, c] = ["a", "b", "c"].map(|key| attempt(key, ""));
        for attempt in [&a, &b] {
            assert_eq!(claim(&responses, attempt).await, Claim::Run);
        }
        assert!(responses.claim(&c, LEASE).await.is_err());
        responses.keep(&b, response()).await.unwrap();
        assert_eq!(claim(&responses, &c).await, Claim::Run);
        assert_eq!(claim(&responses, &a).await, Claim::Running);
        tokio::time::advance(LEASE).await;
        assert_eq!(claim(&responses, &b).await, Claim::Run);
    }

    #[test]
    fn a_key_is_its_callers_and_its_methods() {
        let id = |caller, method, key| Attempt::new(caller, method, key, b"").unwrap().id;
        assert_ne!(id("ada", "/m", "k"), id("bob", "/m", "k"));
        assert_ne!(id("ada", "/m", "k"), id("ada", "/n", "k"));
        assert_ne!(id("ada", "/m", "k"), id("ada", "/", "mk"));
        assert_eq!(id("ada", "/m", "k"), id("ada", "/m", "k"));
    }
}
