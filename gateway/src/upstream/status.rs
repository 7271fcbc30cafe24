//! What a broken connection or stream means for the call on it.

use chassis::status::{DETAILS, has_readable_details};
use h2::{Error, Reason};
use http::HeaderMap;
use tonic::{Code, Status};

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
