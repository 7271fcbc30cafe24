//! What can go wrong, and what a caller is told of it: the one place that turns errors into gRPC
//! status.

use std::collections::HashMap;
use std::time::Duration;

use chassis::status::Reason;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};
use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use uuid::Uuid;

use crate::outbox::SealError;
use crate::password::HasherError;

/// Who defines the reasons below.
const DOMAIN: &str = "user";

/// Why a call failed.
#[derive(Debug, Error)]
pub enum Error {
    /// Fields that cannot be taken.
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
    /// Another account has the address.
    #[error("the address is taken")]
    EmailTaken,
    /// The address, the password or the account: which one is not told.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// The refresh token was not issued here, or its session is gone.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The session was ended.
    #[error("the session has ended; sign in again")]
    SessionRevoked(Uuid),
    /// The session was not used for too long, or is too old.
    #[error("the session has expired; sign in again")]
    SessionExpired,
    /// Nobody is signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// Another user's data.
    #[error("this user may not be read by the caller")]
    PermissionDenied,
    /// No such user.
    #[error("there is no such user")]
    UserNotFound,
    /// The same call took effect before.
    #[error("this call was executed before")]
    AlreadyExecuted,
    /// More passwords to hash than can be hashed in time.
    #[error("too many sign-ins at once; try again")]
    HasherBusy(Duration),
    /// The database does not answer.
    #[error("the database is not available; try again")]
    DatabaseUnavailable(#[source] DbErr),
    /// A fault of this service. The cause is for its log alone.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's name in the contract.
    pub field: &'static str,
    /// The stable identifier, in `UPPER_SNAKE_CASE`.
    pub reason: &'static str,
    /// What is wrong and what to do, for people. Never the value.
    pub description: String,
}

// === impl Error ===

impl Error {
    /// A fault of this service.
    pub(crate) fn internal(
        cause: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        Self::Internal(cause.into())
    }

    /// The code and the stable identifier.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let (code, reason) = match self {
            Self::Invalid(violations) => (
                Code::InvalidArgument,
                violations.first().map_or("INVALID", |first| first.reason),
            ),
            Self::EmailTaken => (Code::AlreadyExists, "EMAIL_TAKEN"),
            Self::InvalidCredentials => (Code::Unauthenticated, "INVALID_CREDENTIALS"),
            Self::InvalidRefreshToken => (Code::Unauthenticated, "INVALID_REFRESH_TOKEN"),
            Self::SessionRevoked(_) => (Code::Unauthenticated, "SESSION_REVOKED"),
            Self::SessionExpired => (Code::Unauthenticated, "SESSION_EXPIRED"),
            Self::Unauthenticated => (Code::Unauthenticated, "UNAUTHENTICATED"),
            Self::PermissionDenied => (Code::PermissionDenied, "PERMISSION_DENIED"),
            Self::UserNotFound => (Code::NotFound, "USER_NOT_FOUND"),
            Self::AlreadyExecuted => (Code::Aborted, "ALREADY_EXECUTED"),
            Self::HasherBusy(_) => (Code::Unavailable, "HASHER_BUSY"),
            Self::DatabaseUnavailable(_) => (Code::Unavailable, "DATABASE_UNAVAILABLE"),
            Self::Internal(_) => (Code::Internal, "INTERNAL"),
        };
        Reason {
            code,
            reason,
            domain: DOMAIN,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let message = error.to_string();
        let mut details = ErrorDetails::new();
        match error {
            Error::Invalid(violations) => {
                details.set_bad_request(
                    violations
                        .into_iter()
                        .map(FieldViolation::from)
                        .collect::<Vec<_>>(),
                );
            }
            // The gateway denies the session's access tokens from now on.
            Error::SessionRevoked(session_id) => {
                let metadata = HashMap::from([("session_id".into(), session_id.to_string())]);
                details.set_error_info(reason.reason, reason.domain, metadata);
                return Status::with_error_details(reason.code, message, details);
            }
            Error::HasherBusy(after) => {
                details.set_retry_info(Some(after));
            }
            Error::DatabaseUnavailable(cause) => {
                tracing::error!(error = %cause, "the database is not available");
            }
            Error::Internal(cause) => {
                tracing::error!(error = %cause, "a call failed");
            }
            _ => {}
        }
        reason.status_with(message, details)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_unavailable(&error) {
            Self::DatabaseUnavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

impl From<HasherError> for Error {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy { retry_after } => Self::HasherBusy(retry_after),
            other => Self::internal(other),
        }
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::internal(error)
    }
}

impl From<Violation> for FieldViolation {
    fn from(violation: Violation) -> Self {
        let mut converted = FieldViolation::new(violation.field, violation.description);
        converted.reason = violation.reason.into();
        converted
    }
}

/// Whether the same statement may well succeed later.
pub(crate) fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match &**error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => {
                    error.code().is_some_and(|code| is_transient_code(&code))
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// PostgreSQL: connection trouble (class 08), deadlock and serialisation (40), too few resources
/// (53), a cancelled statement or a server that stops (57). SQLite: locked, out of space or
/// unreachable, by the primary code in the low byte.
fn is_transient_code(code: &str) -> bool {
    const SQLITE_BUSY: u32 = 5;
    const SQLITE_LOCKED: u32 = 6;
    const SQLITE_IOERR: u32 = 10;
    const SQLITE_FULL: u32 = 13;
    const SQLITE_CANTOPEN: u32 = 14;
    if code.len() == 5 {
        return ["08", "40", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| {
        [
            SQLITE_BUSY,
            SQLITE_LOCKED,
            SQLITE_IOERR,
            SQLITE_FULL,
            SQLITE_CANTOPEN,
        ]
        .contains(&(code & 0xff))
    })
}

#[cfg(test)]
mod tests {
    use chassis::status::reason_of;

    use super::*;

    #[test]
    fn a_revoked_session_is_named_for_the_deny_list() {
        let id = Uuid::from_u128(7);
        let status = Status::from(Error::SessionRevoked(id));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "SESSION_REVOKED");
        assert_eq!(info.metadata["session_id"], id.to_string());
    }

    #[test]
    fn every_violation_is_told() {
        let violation = |field, reason| Violation {
            field,
            reason,
            description: "no".into(),
        };
        let status = Status::from(Error::Invalid(vec![
            violation("email", "EMAIL_INVALID"),
            violation("password", "PASSWORD_COMMON"),
        ]));
        assert_eq!(reason_of(&status).as_deref(), Some("EMAIL_INVALID"));
        let told = status.get_details_bad_request().unwrap().field_violations;
        let told: Vec<_> = told
            .iter()
            .map(|v| (v.field.as_str(), v.reason.as_str()))
            .collect();
        assert_eq!(
            told,
            [("email", "EMAIL_INVALID"), ("password", "PASSWORD_COMMON")]
        );
    }

    #[test]
    fn a_busy_hasher_says_when_to_try_again() {
        let status = Status::from(Error::HasherBusy(Duration::from_secs(1)));
        assert_eq!(status.code(), Code::Unavailable);
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_told() {
        let status = Status::from(Error::internal("table users is on fire"));
        assert_eq!(status.message(), "internal error");
        assert!(!format!("{status:?}").contains("fire"));
        let lost = DbErr::Conn(RuntimeErr::Internal("10.0.0.7 refused".into()));
        let status = Status::from(Error::from(lost));
        assert_eq!(reason_of(&status).as_deref(), Some("DATABASE_UNAVAILABLE"));
        assert!(!format!("{status:?}").contains("10.0.0.7"));
    }

    #[test]
    fn which_database_errors_pass() {
        for code in [
            "57P01", "53300", "40P01", "08006", "57014", "5", "517", "261",
        ] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["23505", "42P01", "1", "2067", "", "abc"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
