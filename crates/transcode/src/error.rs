//! What goes wrong: at start, while routing, in a request, in a response.

use std::fmt;

use thiserror::Error;

/// Everything that is wrong with the contracts, found at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The full name of the method, or of the service where no method is to blame.
    pub subject: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Miss {
    /// No template matches the path: 404.
    #[error("no route has this path")]
    NotFound,
    /// The path exists, under other methods: 405.
    #[error("this path takes other methods: {allow}")]
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: String,
    },
    /// The path is not well-formed: 400.
    #[error(transparent)]
    BadPath(RequestError),
}

/// A request that cannot become the request message. Neither the message nor the violations ever
/// hold values from the request, which could be secret; they name fields.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct RequestError {
    /// What to answer.
    pub kind: RequestErrorKind,
    /// For developers, in English.
    pub message: String,
    /// The fields to blame. Empty when the request as a whole is.
    pub violations: Vec<FieldViolation>,
}

/// Classes of [`RequestError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// 400, `INVALID_ARGUMENT`.
    InvalidArgument,
    /// 415: the body's content type is none that this route reads.
    UnsupportedMediaType,
}

/// One wrong field, in the shape of `google.rpc.BadRequest.FieldViolation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field as the client spelt it: `user.emails[2]`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A response that cannot become an HTTP answer. It is the server's fault, so details belong in the
/// log and not in the answer.
#[derive(Debug, Clone, Error)]
pub enum ResponseError {
    /// The bytes are not the message that the contract states.
    #[error("the response is not a valid {message}")]
    Decode {
        /// The full name of the response message.
        message: String,
        /// Why.
        #[source]
        source: prost::DecodeError,
    },
    /// The message has no JSON form, such as a timestamp out of range.
    #[error("the response has no JSON form: {reason}")]
    Json {
        /// Why.
        reason: String,
    },
    /// The content type of a `google.api.HttpBody` is not a header value.
    #[error("the content type of the response is not a valid header value")]
    ContentType,
}

impl RequestError {
    /// The request as a whole is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            kind: RequestErrorKind::InvalidArgument,
            message: message.into(),
            violations: Vec::new(),
        }
    }

    /// Fields are wrong. `violations` must not be empty.
    pub(crate) fn fields(violations: Vec<FieldViolation>) -> Self {
        let mut message = violations
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        if violations.len() > 1 {
            message = format!("{message} (and {} more)", violations.len() - 1);
        }
        Self {
            kind: RequestErrorKind::InvalidArgument,
            message,
            violations,
        }
    }
}

impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.description)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the contracts cannot be served over HTTP")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}
