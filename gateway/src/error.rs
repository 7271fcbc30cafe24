//! The one error shape: `google.rpc.Status` as JSON, whatever went wrong.

mod challenge;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use prost::Message as _;
use prost_reflect::DescriptorPool;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _, pb};
use transcode::{RequestError, RequestErrorKind};

use chassis::layer::idempotency::IDEMPOTENCY_KEY_REUSED;
use chassis::layer::load_shed::OVERLOADED;
use chassis::layer::validation::{INVALID_REQUEST, violated};
use chassis::status::{Reason, reason_of};

use crate::rest;

/// No route has the path.
pub const ROUTE_NOT_FOUND: Reason = Reason {
    code: Code::NotFound,
    reason: "ROUTE_NOT_FOUND",
    domain: DOMAIN,
};
/// The path has other methods.
pub const METHOD_NOT_ALLOWED: Reason = Reason {
    code: Code::Unimplemented,
    reason: "METHOD_NOT_ALLOWED",
    domain: DOMAIN,
};
/// The body is larger than the gateway takes.
pub const BODY_TOO_LARGE: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "BODY_TOO_LARGE",
    domain: DOMAIN,
};
/// The body did not arrive in time, or broke off.
pub const BODY_INCOMPLETE: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "BODY_INCOMPLETE",
    domain: DOMAIN,
};
/// The body is in a form that is not read.
pub const UNSUPPORTED_MEDIA_TYPE: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "UNSUPPORTED_MEDIA_TYPE",
    domain: DOMAIN,
};
/// The client takes the answer in none of the forms that it can have.
pub const NOT_ACCEPTABLE: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "NOT_ACCEPTABLE",
    domain: DOMAIN,
};

/// Who defines the gateway's own reasons.
const DOMAIN: &str = "gateway";

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER: u64 = 1;

/// An error that is about to be answered.
#[derive(Debug)]
pub struct Failure {
    http: StatusCode,
    status: Status,
    allow: Option<String>,
}

// === impl Failure ===

impl From<Status> for Failure {
    /// The HTTP status of the google.rpc table, but for a key that came before with another request:
    /// the header's specification has a status of its own for that. Every error has a reason: where
    /// nobody gave one, it is the name of the code.
    fn from(status: Status) -> Self {
        let reason = reason_of(&status);
        let http = if reason.as_deref() == Some(IDEMPOTENCY_KEY_REUSED.reason) {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            transcode::http_status(status.code().into())
        };
        let status = if reason.is_some() {
            status
        } else {
            named(&status)
        };
        Self {
            http,
            status,
            allow: None,
        }
    }
}

/// The same status with the name of its code as its reason, beside whatever else it carries.
fn named(status: &Status) -> Status {
    let reason = Reason {
        code: status.code(),
        reason: name(status.code()),
        domain: DOMAIN,
    };
    let read = |status: &Status| pb::Status::decode(status.details()).unwrap_or_default();
    let mut details = read(&reason.status(status.message()));
    details.details.extend(read(status).details);
    Status::with_details_and_metadata(
        status.code(),
        status.message(),
        details.encode_to_vec().into(),
        status.metadata().clone(),
    )
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error.kind {
            RequestErrorKind::UnsupportedMediaType => {
                let status = UNSUPPORTED_MEDIA_TYPE.status(error.message);
                Self {
                    http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    status,
                    allow: None,
                }
            }
            RequestErrorKind::InvalidArgument if error.violations.is_empty() => {
                INVALID_REQUEST.status(error.message).into()
            }
            RequestErrorKind::InvalidArgument => {
                let violations = error.violations.into_iter();
                violated(
                    violations
                        .map(|v| FieldViolation::new(v.field, v.description))
                        .collect(),
                )
                .into()
            }
        }
    }
}

impl From<transcode::Miss> for Failure {
    fn from(miss: transcode::Miss) -> Self {
        match miss {
            transcode::Miss::NotFound => ROUTE_NOT_FOUND
                .status("no such path; /api/docs lists what there is")
                .into(),
            transcode::Miss::MethodNotAllowed { allow } => {
                let status = METHOD_NOT_ALLOWED.status(format!("this path takes {allow}"));
                Self {
                    http: StatusCode::METHOD_NOT_ALLOWED,
                    status,
                    allow: Some(allow),
                }
            }
            transcode::Miss::BadPath(error) => error.into(),
        }
    }
}

impl Failure {
    /// The body is larger than `limit` bytes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        let status = BODY_TOO_LARGE.status(format!("the body is larger than {limit} bytes"));
        Self {
            http: StatusCode::PAYLOAD_TOO_LARGE,
            status,
            allow: None,
        }
    }

    /// The body did not arrive in time.
    #[must_use]
    pub fn body_timeout() -> Self {
        let status = BODY_INCOMPLETE.status("the body did not arrive in time");
        Self {
            http: StatusCode::REQUEST_TIMEOUT,
            status,
            allow: None,
        }
    }

    /// The body is in a content encoding, which none is read in.
    #[must_use]
    pub fn body_encoded() -> Self {
        Self::unsupported("the body is encoded: send it uncompressed, without content-encoding")
    }

    /// The body's form, or the whole request's, is not read.
    #[must_use]
    pub fn unsupported(message: &str) -> Self {
        Self {
            http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            status: UNSUPPORTED_MEDIA_TYPE.status(message),
            allow: None,
        }
    }

    /// The client takes no form that a stream can have.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let status = NOT_ACCEPTABLE.status(
            "this method answers with a stream: accept application/json, application/x-ndjson or \
             text/event-stream",
        );
        Self {
            http: StatusCode::NOT_ACCEPTABLE,
            status,
            allow: None,
        }
    }

    /// The path takes other methods, those of `allow`.
    #[must_use]
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        transcode::Miss::MethodNotAllowed {
            allow: allow.into(),
        }
        .into()
    }

    /// So much of other bodies is kept that there is no room for this one.
    #[must_use]
    pub fn no_room_for_body() -> Self {
        let wait = ErrorDetails::with_retry_info(Some(Duration::from_secs(RETRY_AFTER)));
        OVERLOADED
            .status_with("too many large bodies at once: try again later", wait)
            .into()
    }

    /// A request that cannot be understood as what it says it is.
    #[must_use]
    pub fn invalid_request(message: &str) -> Self {
        INVALID_REQUEST.status(message).into()
    }

    /// What a page refused with a bare HTTP status, other than 405.
    #[must_use]
    pub fn of_page(http: StatusCode) -> Self {
        if http == StatusCode::NOT_FOUND {
            return transcode::Miss::NotFound.into();
        }
        let mut failure = if http.is_server_error() {
            Status::internal("the page failed").into()
        } else {
            Self::invalid_request("the page cannot read the request: check the path and the query")
        };
        failure.http = http;
        failure
    }

    /// What is answered: a `google.rpc.Status` as JSON, with the details whose types `pool` has.
    #[must_use]
    pub fn body(&self, pool: &DescriptorPool) -> Bytes {
        let status = &self.status;
        let code = i32::from(status.code());
        transcode::error_body(pool, code, status.message(), status.details())
    }

    /// The answer, of an error of the gateway's own.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        self.respond(proto::descriptors())
    }

    /// The answer, with the details whose types `pool` has.
    #[must_use]
    pub fn respond(self, pool: &DescriptorPool) -> Response<Body> {
        let body = self.body(pool);
        let Self {
            http,
            status,
            allow,
        } = self;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = http;
        let headers = response.headers_mut();
        rest::pass_on(status.metadata().as_ref(), headers);
        let fixed = |text| HeaderValue::from_static(text);
        headers.insert(header::CONTENT_TYPE, fixed("application/json"));
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
        match http {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, challenge::unauthorized(&status));
            }
            StatusCode::FORBIDDEN => headers.extend(
                challenge::insufficient_scope(&status)
                    .map(|challenge| (header::WWW_AUTHENTICATE, challenge)),
            ),
            // The rest of the body is not read, and the connection ends with it.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, fixed("close"));
            }
            _ => {}
        }
        if let Some(seconds) = retry_after(http, &status) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

/// The name of a code in the gRPC specification.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The seconds after which to try again: those of the status' `RetryInfo`, rounded up. Without one they
/// are known where the HTTP status says that it is worth trying.
fn retry_after(http: StatusCode, status: &Status) -> Option<u64> {
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    if let Some(delay) = delay {
        return Some(delay.as_secs() + u64::from(delay.subsec_nanos() > 0));
    }
    let passing = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    passing.contains(&http).then_some(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_reason_gets_the_name_of_its_code() {
        let failure = Failure::from(Status::deadline_exceeded("too late"));
        assert_eq!(failure.http, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(
            reason_of(&failure.status).as_deref(),
            Some("DEADLINE_EXCEEDED")
        );
        assert_eq!(failure.status.message(), "too late");
    }

    #[test]
    fn every_reason_has_its_page() {
        use chassis::layer::{authenticate, idempotency};
        let reasons = [
            ROUTE_NOT_FOUND,
            METHOD_NOT_ALLOWED,
            BODY_TOO_LARGE,
            BODY_INCOMPLETE,
            UNSUPPORTED_MEDIA_TYPE,
            NOT_ACCEPTABLE,
            crate::revocation::REVOCATIONS_UNAVAILABLE,
            INVALID_REQUEST,
            authenticate::TOKEN_MISSING,
            authenticate::TOKEN_INVALID,
            authenticate::TOKEN_EXPIRED,
            authenticate::INTERNAL_METHOD,
            authenticate::ROLE_MISSING,
            authenticate::SCOPE_MISSING,
            crate::limits::RATE_LIMITED,
            crate::breaker::SERVICE_UNAVAILABLE,
            idempotency::IDEMPOTENCY_KEY_INVALID,
            IDEMPOTENCY_KEY_REUSED,
            idempotency::IDEMPOTENCY_KEY_IN_USE,
            idempotency::RESPONSES_UNAVAILABLE,
        ];
        for Reason { reason, domain, .. } in reasons {
            let page = format!("{}/../docs/errors/{reason}.md", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&page).expect(&page);
            assert!(
                text.contains(&format!("`{domain}`")),
                "{page} names another domain"
            );
        }
    }

    #[test]
    fn a_key_that_came_with_another_request_has_a_status_of_its_own() {
        use chassis::layer::idempotency::{IDEMPOTENCY_KEY_IN_USE, IDEMPOTENCY_KEY_INVALID};
        let http = |reason: Reason| Failure::from(reason.status("no")).http.as_u16();
        assert_eq!(http(IDEMPOTENCY_KEY_REUSED), 422);
        assert_eq!(http(IDEMPOTENCY_KEY_IN_USE), 409);
        assert_eq!(http(IDEMPOTENCY_KEY_INVALID), 400);
    }

    #[test]
    fn an_answer_says_when_to_try_again_where_the_status_does_or_it_is_worth_it() {
        use std::time::Duration;
        let told = |status: Status| {
            let response = Failure::from(status).into_response();
            let after = response.headers().get(header::RETRY_AFTER);
            after.map(|after| after.to_str().unwrap().to_owned())
        };
        let info = |delay| ErrorDetails::with_retry_info(Some(delay));
        let in_use = |delay| Status::with_error_details(Code::Aborted, "no", info(delay));
        assert_eq!(told(in_use(Duration::from_secs(3))).as_deref(), Some("3"));
        let rounded_up = told(in_use(Duration::from_millis(250)));
        assert_eq!(rounded_up.as_deref(), Some("1"));
        assert_eq!(told(Status::unavailable("no")).as_deref(), Some("1"));
        assert_eq!(told(Status::aborted("no")), None);
    }

    #[test]
    fn a_reason_is_kept() {
        let failure = Failure::from(BODY_TOO_LARGE.status("too large"));
        assert_eq!(
            reason_of(&failure.status).as_deref(),
            Some("BODY_TOO_LARGE")
        );
    }
}
