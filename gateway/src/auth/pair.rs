//! A pair of tokens for a session.

use std::time::{Duration, SystemTime};

use proto::user::v1::{Session, User};
use token::{ACCESS_LIFETIME, EVERY_SCOPE, Identity, REFRESH_LIFETIME, RefreshKeys};
use tonic::Status;
use uuid::Uuid;

use super::Auth;

/// An access token and the refresh token that replaces it.
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) user: User,
}

impl Auth {
    /// Mints the tokens of a session, which are good for these scopes; for all that the user may do where
    /// there are none.
    pub(super) fn pair(
        &self,
        user: Option<User>,
        session: Option<Session>,
        scopes: Vec<String>,
    ) -> Result<Pair, Status> {
        let (user, session) = user
            .zip(session)
            .ok_or_else(|| broken("a part is missing"))?;
        let now = (self.clock)();
        let session_id = uuid(&session.id)?;
        let refresh = refresh_token(&self.refresh_keys, session_id, &session, &scopes, now)?;
        let scopes = if scopes.is_empty() {
            vec![EVERY_SCOPE.to_owned()]
        } else {
            scopes
        };
        let identity = Identity {
            user_id: uuid(&user.id)?,
            session_id,
            roles: user.roles.clone(),
            scopes,
            auth_epoch: session.auth_epoch,
        };
        let access = self
            .signer
            .issue(&identity, now, ACCESS_LIFETIME)
            .map_err(broken)?;
        Ok(Pair {
            access,
            refresh,
            user,
        })
    }
}

fn refresh_token(
    keys: &RefreshKeys,
    session_id: Uuid,
    session: &Session,
    scopes: &[String],
    now: SystemTime,
) -> Result<String, Status> {
    let secret = session.refresh_secret.as_slice().try_into();
    let secret: [u8; 32] = secret.map_err(|_| broken("the refresh secret has not 32 bytes"))?;
    let ends = session
        .expires_at
        .as_ref()
        .and_then(|ends| u64::try_from(ends.seconds).ok());
    let ends = ends.and_then(|ends| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(ends)));
    let ends = ends.unwrap_or(now).min(now + REFRESH_LIFETIME);
    let generation = session.refresh_generation;
    keys.issue(session_id, generation, &secret, scopes, now, ends)
        .map_err(broken)
}

fn uuid(text: &str) -> Result<Uuid, Status> {
    Uuid::parse_str(text).map_err(broken)
}

/// The user service answered something that no token can be made of.
fn broken(why: impl std::fmt::Display) -> Status {
    tracing::error!("no token can be made of the user service's answer: {why}");
    Status::internal("the service failed")
}
