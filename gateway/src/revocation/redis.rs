//! The list in Redis: one key a session, which expires by itself.

use fred::prelude::{Expiration, KeysInterface as _};
use tonic::Status;
use uuid::Uuid;

use super::{KEPT, REVOCATIONS_UNAVAILABLE};
use crate::redis::Redis;

pub(super) async fn revoke(redis: &Redis, session: Uuid) -> Result<(), Status> {
    let seconds = i64::try_from(KEPT.as_secs()).unwrap_or(i64::MAX);
    let expire = Some(Expiration::EX(seconds));
    redis
        .client()
        .set(key(session), 1, expire, None, false)
        .await
        .map_err(|error| unavailable(&error))
}

pub(super) async fn is_revoked(redis: &Redis, session: Uuid) -> Result<bool, Status> {
    redis
        .client()
        .exists(key(session))
        .await
        .map_err(|error| unavailable(&error))
}

fn key(session: Uuid) -> String {
    format!("revoked:{session}")
}

fn unavailable(error: &fred::error::Error) -> Status {
    tracing::debug!("redis: {error}");
    REVOCATIONS_UNAVAILABLE.status("sessions cannot be checked at the moment; try again later")
}
