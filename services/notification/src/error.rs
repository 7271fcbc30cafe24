//! Every failure of this service: its message, its gRPC status and its stable reason.

use chassis::status::Reason;
use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation};

use crate::mail::{BodyError, NameError, RecipientError, SubjectError};
use crate::mailer::MailerError;

/// Who defines the reasons below.
pub const DOMAIN: &str = "notification";

/// The address cannot be mailed to.
pub const RECIPIENT_INVALID: Reason = invalid("RECIPIENT_INVALID");
/// The subject is empty, too long, or more than one line.
pub const SUBJECT_INVALID: Reason = invalid("SUBJECT_INVALID");
/// A body is empty, too long, or holds control characters.
pub const BODY_INVALID: Reason = invalid("BODY_INVALID");
/// What the person is called cannot stand in a mail.
pub const NAME_INVALID: Reason = invalid("NAME_INVALID");
/// The user id is not a UUID.
pub const USER_ID_INVALID: Reason = invalid("USER_ID_INVALID");
/// The mail could not be handed over now. The only reason that is worth another try.
pub const MAIL_UNAVAILABLE: Reason = Reason {
    code: Code::Unavailable,
    reason: "MAIL_UNAVAILABLE",
    domain: DOMAIN,
};
/// The mail server refused the mail for good.
pub const MAIL_REJECTED: Reason = Reason {
    code: Code::FailedPrecondition,
    reason: "MAIL_REJECTED",
    domain: DOMAIN,
};
/// A template of this service failed, which is a fault of this service.
pub const TEMPLATE_FAILED: Reason = Reason {
    code: Code::Internal,
    reason: "TEMPLATE_FAILED",
    domain: DOMAIN,
};

/// The captured mail was asked for after it had made room, or never was.
pub const MAIL_NOT_FOUND: Reason = Reason {
    code: Code::NotFound,
    reason: "MAIL_NOT_FOUND",
    domain: DOMAIN,
};

/// No dead letter at that place, or no event with that topic.
pub const DEAD_LETTER_NOT_FOUND: Reason = Reason {
    code: Code::NotFound,
    reason: "DEAD_LETTER_NOT_FOUND",
    domain: DOMAIN,
};
/// Dead letters are being sent again already, or too many were sent one by one.
pub const REDRIVE_REFUSED: Reason = Reason {
    code: Code::FailedPrecondition,
    reason: "REDRIVE_REFUSED",
    domain: DOMAIN,
};
/// The broker does not answer, or refuses.
pub const DEAD_LETTERS_UNAVAILABLE: Reason = Reason {
    code: Code::Unavailable,
    reason: "DEAD_LETTERS_UNAVAILABLE",
    domain: DOMAIN,
};

/// All of the above. Each has a page in `docs/errors`.
pub const REASONS: [Reason; 12] = [
    RECIPIENT_INVALID,
    SUBJECT_INVALID,
    BODY_INVALID,
    NAME_INVALID,
    USER_ID_INVALID,
    MAIL_UNAVAILABLE,
    MAIL_REJECTED,
    TEMPLATE_FAILED,
    MAIL_NOT_FOUND,
    DEAD_LETTER_NOT_FOUND,
    REDRIVE_REFUSED,
    DEAD_LETTERS_UNAVAILABLE,
];

/// A mail was not sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// See [`RECIPIENT_INVALID`].
    #[error("the recipient cannot be mailed to: {0}")]
    Recipient(#[from] RecipientError),
    /// See [`SUBJECT_INVALID`].
    #[error("the subject cannot be used: {0}")]
    Subject(#[from] SubjectError),
    /// See [`BODY_INVALID`].
    #[error("the {field} body cannot be used: {error}")]
    Body {
        /// The field of the request: `text` or `html`.
        field: &'static str,
        /// What is wrong with it.
        error: BodyError,
    },
    /// See [`NAME_INVALID`].
    #[error("the name cannot be used: {0}")]
    Name(#[from] NameError),
    /// See [`USER_ID_INVALID`].
    #[error("the user id is not a UUID")]
    UserId,
    /// See [`TEMPLATE_FAILED`].
    #[error("the mail could not be written from its template")]
    Template(#[source] minijinja::Error),
    /// See [`MAIL_UNAVAILABLE`] and [`MAIL_REJECTED`].
    #[error(transparent)]
    Mailer(#[from] MailerError),
}

const fn invalid(reason: &'static str) -> Reason {
    Reason {
        code: Code::InvalidArgument,
        reason,
        domain: DOMAIN,
    }
}

// === impl SendError ===

impl SendError {
    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Recipient(_) => RECIPIENT_INVALID,
            Self::Subject(_) => SUBJECT_INVALID,
            Self::Body { .. } => BODY_INVALID,
            Self::Name(_) => NAME_INVALID,
            Self::UserId => USER_ID_INVALID,
            Self::Template(_) => TEMPLATE_FAILED,
            Self::Mailer(error) if error.is_transient() => MAIL_UNAVAILABLE,
            Self::Mailer(_) => MAIL_REJECTED,
        }
    }

    /// The status for a caller whose request names the faulty value `field`.
    #[must_use]
    pub fn into_status(self, field: impl FnOnce(&Self) -> Option<&'static str>) -> Status {
        let message = self.to_string();
        let reason = self.reason();
        let mut details = ErrorDetails::new();
        if let Some(field) = field(&self) {
            let mut violation = FieldViolation::new(field, &message);
            violation.reason = reason.reason.into();
            details.set_bad_request([violation]);
        }
        reason.status_with(message, details)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chassis::status::reason_of;
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn a_faulty_field_is_named_beside_the_reason() {
        let status = SendError::UserId.into_status(|_| Some("user_id"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&status).as_deref(), Some("USER_ID_INVALID"));
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "user_id");
        assert_eq!(violations[0].reason, "USER_ID_INVALID");
    }

    #[test]
    fn only_a_mail_server_that_is_away_is_worth_another_try() {
        let away = SendError::Mailer(MailerError::Timeout(Duration::from_secs(10)));
        assert_eq!(away.reason(), MAIL_UNAVAILABLE);
        let refused = SendError::Mailer(MailerError::Rejected {
            code: 550,
            reply: String::new(),
        });
        assert_eq!(refused.reason(), MAIL_REJECTED);
        let status = refused.into_status(|_| None);
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.get_details_bad_request().is_none());
    }
}
