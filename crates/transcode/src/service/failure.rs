//! Errors as answers: `google.rpc.Status` as JSON, whatever went wrong.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tonic::Status;
use tonic::body::Body;

use super::METADATA;
use super::answer::ServiceError;
use super::call::pass_on;
use crate::error::{FieldViolation, Miss, RequestError, RequestErrorKind};
use crate::status::{error_body, http_status, violations_body};

/// An error that is about to be answered.
#[derive(Debug)]
pub(super) struct Failure {
    http: StatusCode,
    status: Status,
    /// The fields to blame.
    violations: Vec<FieldViolation>,
    allow: Option<String>,
}

// === impl Failure ===

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self {
            http: http_status(status.code().into()),
            status,
            violations: Vec::new(),
            allow: None,
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Status(status) => status.into(),
            broken @ ServiceError::Broken(_) => Status::internal(broken.to_string()).into(),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let http = match error.kind {
            RequestErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
            RequestErrorKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        Self {
            violations: error.violations,
            ..Self::of(http, Status::invalid_argument(error.message))
        }
    }
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        let message = miss.to_string();
        match miss {
            Miss::NotFound => Status::not_found(message).into(),
            Miss::MethodNotAllowed { allow } => Self {
                allow: Some(allow),
                ..Self::of(
                    StatusCode::METHOD_NOT_ALLOWED,
                    Status::unimplemented(message),
                )
            },
            Miss::BadPath(error) => error.into(),
        }
    }
}

impl Failure {
    /// An error whose HTTP status is not that of its code.
    fn of(http: StatusCode, status: Status) -> Self {
        Self {
            http,
            ..status.into()
        }
    }

    pub(super) fn body_too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes");
        let status = Status::invalid_argument(message);
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, status)
    }

    pub(super) fn body_encoded() -> Self {
        let status = Status::invalid_argument("send the body without content-encoding");
        Self::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, status)
    }

    pub(super) fn not_acceptable() -> Self {
        let status = Status::invalid_argument(
            "this method answers with a stream: accept application/json, application/x-ndjson or \
             text/event-stream",
        );
        Self::of(StatusCode::NOT_ACCEPTABLE, status)
    }

    /// The error as JSON, with the details whose types `pool` has.
    pub(super) fn body(&self, pool: &DescriptorPool) -> Bytes {
        let status = &self.status;
        if !self.violations.is_empty() {
            return violations_body(status.code().into(), status.message(), &self.violations);
        }
        error_body(
            pool,
            status.code().into(),
            status.message(),
            status.details(),
        )
    }

    pub(super) fn respond(self, pool: &DescriptorPool) -> Response<Body> {
        let mut response = Response::new(Body::new(Full::new(self.body(pool))));
        *response.status_mut() = self.http;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        pass_on(METADATA, self.status.metadata().as_ref(), headers);
        if self.http == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(allow) = self
            .allow
            .and_then(|allow| HeaderValue::try_from(allow).ok())
        {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
