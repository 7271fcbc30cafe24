//! Moves a session to its next refresh generation.

use proto::user::v1::{RefreshSessionRequest, RefreshSessionResponse};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, DatabaseTransaction, EntityTrait as _,
    IntoActiveModel as _, QuerySelect as _,
};
use tonic::Request;
use uuid::Uuid;

use crate::entity::{session, user};
use crate::error::Error;
use crate::service::Users;
use crate::session::{Decision, SessionKey, State, decide, message};
use crate::timestamp::Timestamp;
use crate::{account, database};

/// Why a session was ended: a token of it was used that had been traded in.
const REUSED: &str = "refresh_token_reused";

/// Why a session was ended: its user was deleted or turned off.
const USER_CLOSED: &str = "user_closed";

impl Users {
    /// Moves a session to its next refresh generation, or tells the newest again to one who may
    /// not have heard it. See [`decide`] for which.
    ///
    /// # Errors
    /// The token is not valid, the session was ended or has expired, or the database is not
    /// available.
    pub async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<RefreshSessionResponse, Error> {
        let token = request.into_inner();
        let id: Uuid = token
            .session_id
            .parse()
            .map_err(|_| Error::InvalidRefreshToken)?;
        let now = self.deps.clock.now();

        // Under a row lock: of two callers with one token, the second sees what the first did.
        let transaction = database::begin_write(&self.db).await?;
        let found = session::Entity::find_by_id(id)
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let session = found.ok_or(Error::InvalidRefreshToken)?;
        let key = self
            .sessions
            .keys
            .unwrap(id, &session.refresh_key)
            .map_err(|error| {
                // Nobody can use the session any more: its user signs in again, an operator looks.
                tracing::error!(session_id = %id, %error, "a session key cannot be read");
                Error::InvalidRefreshToken
            })?;
        // Before anything is decided: whoever only knows the id must not end the session.
        if !key.is_secret(token.refresh_generation, &token.refresh_secret) {
            return Err(Error::InvalidRefreshToken);
        }
        match decide(&State::from(&session), token.refresh_generation, now) {
            Decision::Rotate { next } => {
                let next = i64::try_from(next).map_err(Error::internal)?;
                self.issue(transaction, session, &key, Some(next), now)
                    .await
            }
            Decision::Reissue => self.issue(transaction, session, &key, None, now).await,
            Decision::Revoke => {
                let presented = token.refresh_generation;
                tracing::warn!(session_id = %id, user_id = %session.user_id, presented,
                    newest = session.refresh_gen, "a traded-in refresh token was used again; the session was ended");
                revoke(transaction, session, REUSED, now).await
            }
            Decision::RefuseNewer => {
                let presented = token.refresh_generation;
                tracing::error!(alarm = true, session_id = %id, user_id = %session.user_id, presented,
                    newest = session.refresh_gen, "a refresh token is newer than its session: the session keys leaked, or the database lost writes");
                Err(Error::InvalidRefreshToken)
            }
            Decision::Expired => Err(Error::SessionExpired),
            Decision::Revoked => Err(Error::SessionRevoked(id)),
        }
    }

    /// Tells the session, in a new generation if `next` is one.
    async fn issue(
        &self,
        transaction: DatabaseTransaction,
        session: session::Model,
        key: &SessionKey,
        next: Option<i64>,
        now: Timestamp,
    ) -> Result<RefreshSessionResponse, Error> {
        let user = user::Entity::find_by_id(session.user_id)
            .one(&transaction)
            .await?;
        let Some(user) = user.filter(user::Model::is_usable) else {
            return revoke(transaction, session, USER_CLOSED, now).await;
        };
        let roles = account::roles(&transaction, user.id).await?;
        let idle_expires_at = self.sessions.idle_expiry(now, session.expires_at);
        let mut changed = session.into_active_model();
        changed.last_seen_at = Set(now);
        changed.idle_expires_at = Set(idle_expires_at);
        if let Some(next) = next {
            changed.refresh_gen = Set(next);
            changed.rotated_at = Set(now);
            changed.successor_used_at = Set(None);
        }
        let session = changed.update(&transaction).await?;
        transaction.commit().await?;
        Ok(RefreshSessionResponse {
            session: Some(message(&session, key, user.auth_epoch)),
            user: Some(account::message(user, roles)),
        })
    }
}

/// Ends a session.
async fn revoke<T>(
    transaction: DatabaseTransaction,
    session: session::Model,
    reason: &str,
    now: Timestamp,
) -> Result<T, Error> {
    let id = session.id;
    let mut changed = session.into_active_model();
    changed.revoked_at = Set(Some(now));
    changed.revoke_reason = Set(Some(reason.to_owned()));
    changed.update(&transaction).await?;
    transaction.commit().await?;
    Err(Error::SessionRevoked(id))
}
