//! Sessions: one for each sign-in, moved along by its refresh tokens.
//!
//! A refresh token says which generation of which session it is, and proves it with a secret that
//! is computed from the generation and the session's key. So nothing of a token is stored, and each
//! generation can be told again.

use std::fmt;
use std::time::Duration;

use proto::user::v1::Session as SessionMessage;
use sea_orm::{ActiveModelTrait as _, ConnectionTrait, DeriveValueType, IntoActiveModel as _};
use uuid::Uuid;

mod decide;
mod keys;
pub mod purge;

pub use decide::{Decision, REISSUE_WITHIN, State, decide};
pub use keys::{SessionKey, UnwrapError, WrappingKeyError, WrappingKeys};

use crate::deps::Deps;
use crate::entity::session::Model;
use crate::error::Error;
use crate::timestamp::Timestamp;

/// A session ends when it is not refreshed for this long, unless set.
pub const DEFAULT_IDLE_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A session ends after this long whatever is done with it, unless set.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A session key, encrypted. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct WrappedKey(pub Vec<u8>);

/// How sessions are made.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The keys that session keys are encrypted with.
    pub keys: WrappingKeys,
    /// A session ends when it is not refreshed for this long.
    pub idle_lifetime: Duration,
    /// A session ends after this long whatever is done with it.
    pub lifetime: Duration,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey([redacted])")
    }
}

// === impl SessionSettings ===

impl SessionSettings {
    /// Opens a session of a user, whose token epoch is `auth_epoch`, within a transaction.
    pub(crate) async fn open(
        &self,
        transaction: &impl ConnectionTrait,
        deps: &Deps,
        user_id: Uuid,
        auth_epoch: i64,
        now: Timestamp,
    ) -> Result<SessionMessage, Error> {
        let key = SessionKey::new(deps.random());
        let id = deps.ids.id(now);
        let expires_at = now + self.lifetime;
        let session = Model {
            id,
            user_id,
            refresh_gen: 1,
            refresh_key: self.keys.wrap(id, &key, deps.random()),
            rotated_at: now,
            successor_used_at: None,
            created_at: now,
            last_seen_at: now,
            idle_expires_at: self.idle_expiry(now, expires_at),
            expires_at,
            revoked_at: None,
            revoke_reason: None,
            ip: None,
            user_agent: None,
        };
        let told = message(&session, &key, auth_epoch);
        session.into_active_model().insert(transaction).await?;
        Ok(told)
    }

    /// When a session that is used `now` ends unless it is used again.
    pub(crate) fn idle_expiry(&self, now: Timestamp, expires_at: Timestamp) -> Timestamp {
        (now + self.idle_lifetime).min(expires_at)
    }
}

/// A session as the contract tells it, in its newest generation.
pub(crate) fn message(session: &Model, key: &SessionKey, auth_epoch: i64) -> SessionMessage {
    let generation = u64::try_from(session.refresh_gen).unwrap_or(0);
    SessionMessage {
        id: session.id.to_string(),
        refresh_generation: generation,
        refresh_secret: key.secret(generation).to_vec(),
        expires_at: Some(session.expires_at.into()),
        auth_epoch: u64::try_from(auth_epoch).unwrap_or(0),
    }
}
