//! Sessions whose access tokens are void before they expire.
//!
//! An access token can be verified without asking anybody, so ending a session needs a list of the
//! sessions that ended within the last token's life. Where the list cannot be read no token is
//! trusted: calls that need one are answered with `UNAVAILABLE`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::layer::authenticate::TOKEN_INVALID;
use chassis::status::Reason;
use parking_lot::Mutex;
use token::{ACCESS_LIFETIME, CLOCK_LEEWAY};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::redis::Redis;

mod redis;

/// The list of revoked sessions cannot be read.
pub const REVOCATIONS_UNAVAILABLE: Reason = Reason {
    code: Code::Unavailable,
    reason: "REVOCATIONS_UNAVAILABLE",
    domain: "auth",
};

/// How long a session stays on the list: until its last token has expired.
const KEPT: Duration = ACCESS_LIFETIME.saturating_add(CLOCK_LEEWAY);

/// The sessions that ended, by id. Clones share the list.
#[derive(Debug, Clone)]
pub enum Revocations {
    /// In Redis, shared by all gateways.
    Redis(Redis),
    /// In this process: for one gateway alone.
    Memory(Memory),
}

/// A list in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<HashMap<Uuid, Instant>>>);

// === impl Revocations ===

impl Revocations {
    /// A list in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// Voids the tokens of a session.
    ///
    /// # Errors
    /// The list cannot be written.
    pub async fn revoke(&self, session: Uuid) -> Result<(), Status> {
        match self {
            Self::Redis(redis) => redis::revoke(redis, session).await,
            Self::Memory(memory) => {
                memory.revoke(session, Instant::now());
                Ok(())
            }
        }
    }

    /// Refuses a session that was revoked.
    ///
    /// # Errors
    /// It was, or the list cannot be read.
    pub async fn check(&self, session: Uuid) -> Result<(), Status> {
        let revoked = match self {
            Self::Redis(redis) => redis::is_revoked(redis, session).await?,
            Self::Memory(memory) => memory.is_revoked(session, Instant::now()),
        };
        if revoked {
            Err(TOKEN_INVALID.status("the session has ended: log in again"))
        } else {
            Ok(())
        }
    }
}

// === impl Memory ===

impl Memory {
    fn revoke(&self, session: Uuid, now: Instant) {
        let mut sessions = self.0.lock();
        sessions.retain(|_, until| *until > now);
        sessions.insert(session, now + KEPT);
    }

    fn is_revoked(&self, session: Uuid, now: Instant) -> bool {
        self.0
            .lock()
            .get(&session)
            .is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_session_is_refused_until_its_last_token_has_expired() {
        let (memory, now) = (Memory::default(), Instant::now());
        let (ended, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        memory.revoke(ended, now);
        assert!(memory.is_revoked(ended, now + ACCESS_LIFETIME));
        assert!(!memory.is_revoked(other, now));
        assert!(!memory.is_revoked(ended, now + KEPT));
        memory.revoke(other, now + KEPT);
        assert_eq!(memory.0.lock().len(), 1);
    }
}
