//! What a broken connection or stream means for the call on it.

use std::time::Duration;

use chassis::layer::ending;
use chassis::status::{DETAILS, has_readable_details};
use h2::{Error, Reason};
use http::response::Parts;
use http::{HeaderMap, StatusCode, header};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The status by the table of gRPC over HTTP/2
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, "Errors").
pub(super) fn of(error: &Error) -> Status {
    tracing::debug!("a call had no end: {error}");
    let code = match error.reason() {
        // The connection is gone or going, and may be there again.
        _ if error.is_io() || error.is_go_away() => Code::Unavailable,
        None | Some(Reason::REFUSED_STREAM) => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        Some(_) => Code::Internal,
    };
    let message = match code {
        Code::Unavailable => "the service cannot be reached; try again later",
        Code::Cancelled => "the service cancelled the call",
        Code::ResourceExhausted => "the service wants fewer calls",
        Code::PermissionDenied => "the service wants a safer connection",
        _ => "the service failed",
    };
    Status::new(code, message)
}

/// The longest that a client is told to wait, in seconds.
const LONGEST_WAIT: u64 = 3600;

/// What is said by an answer that is not of gRPC: by a proxy before the service, most often. By the table
/// of <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>. `None` for one that is.
pub(super) fn foreign(head: &Parts) -> Option<Status> {
    let form = head.headers.get(header::CONTENT_TYPE);
    let is_grpc = form.is_some_and(|form| form.as_bytes().starts_with(b"application/grpc"));
    if (head.status == StatusCode::OK && is_grpc) || ending::status(&head.headers).is_some() {
        return None;
    }
    tracing::debug!("an answer is not gRPC: {} {form:?}", head.status);
    let (code, message) = match head.status.as_u16() {
        401 => (Code::Unauthenticated, "the service wants another token"),
        403 => (Code::PermissionDenied, "the service does not permit it"),
        404 => (Code::Unimplemented, "the service has no such method"),
        // UNAVAILABLE in the table, which would say of the service that it is away.
        429 => (Code::ResourceExhausted, "the service wants fewer calls"),
        502..=504 => (
            Code::Unavailable,
            "the service cannot be reached; try again later",
        ),
        400 => (Code::Internal, "the service failed"),
        _ => (Code::Unknown, "the service failed"),
    };
    let after = head.headers.get(header::RETRY_AFTER);
    let after = after.and_then(|after| after.to_str().ok()?.parse::<u64>().ok());
    let after = after.filter(|_| matches!(code, Code::Unavailable | Code::ResourceExhausted));
    Some(match after {
        None => Status::new(code, message),
        Some(seconds) => {
            let wait = Duration::from_secs(seconds.min(LONGEST_WAIT));
            let details = ErrorDetails::with_retry_info(Some(wait));
            Status::with_error_details(code, message, details)
        }
    })
}

/// Takes away what could not be read of a status in headers or trailers.
pub(super) fn readable(headers: &mut HeaderMap) {
    if !has_readable_details(headers) {
        tracing::debug!("a status has details that are no base64");
        headers.remove(DETAILS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_stream_has_the_status_of_its_reason() {
        for (reason, code) in [
            (Reason::REFUSED_STREAM, Code::Unavailable),
            (Reason::CANCEL, Code::Cancelled),
            (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
            (Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
            (Reason::INTERNAL_ERROR, Code::Internal),
            (Reason::FLOW_CONTROL_ERROR, Code::Internal),
        ] {
            assert_eq!(of(&reason.into()).code(), code, "{reason:?}");
        }
    }
}
