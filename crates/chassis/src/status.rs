//! Errors with a stable reason.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The header or trailer with the details of a status.
pub const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Why a call failed, in a form that programs can branch on (`google.rpc.ErrorInfo`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The gRPC status code.
    pub code: Code,
    /// The stable identifier, in `UPPER_SNAKE_CASE`.
    pub reason: &'static str,
    /// Who defines the reason, such as `user`.
    pub domain: &'static str,
}

impl Reason {
    /// A status that carries this reason.
    #[must_use]
    pub fn status(self, message: impl Into<String>) -> Status {
        self.status_with(message, ErrorDetails::new())
    }

    /// A status that carries this reason, with what programs may want to know of it.
    #[must_use]
    pub fn status_about(
        self,
        message: impl Into<String>,
        metadata: impl Into<HashMap<String, String>>,
    ) -> Status {
        let details = ErrorDetails::with_error_info(self.reason, self.domain, metadata);
        Status::with_error_details(self.code, message, details)
    }

    /// A status that carries this reason beside other details.
    #[must_use]
    pub fn status_with(self, message: impl Into<String>, mut details: ErrorDetails) -> Status {
        details.set_error_info(self.reason, self.domain, []);
        Status::with_error_details(self.code, message, details)
    }
}

/// Whether the details of a status in headers or trailers can be read, if there are any. tonic panics
/// over those that are no base64 (`Status::from_header_map`), so whoever takes headers from elsewhere has
/// to ask first.
#[must_use]
pub fn has_readable_details(headers: &HeaderMap) -> bool {
    let Some(details) = headers.get(DETAILS) else {
        return true;
    };
    let alone = HeaderMap::from_iter([(DETAILS, details.clone())]);
    let alone = MetadataMap::from_headers(alone);
    let details = alone.get_bin(DETAILS.as_str());
    details.is_some_and(|details| details.to_bytes().is_ok())
}

/// The reason that a status carries, if any.
#[must_use]
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_wire() {
        let taken = Reason {
            code: Code::AlreadyExists,
            reason: "EMAIL_TAKEN",
            domain: "user",
        };
        let status = taken.status("the address is taken");
        let received = over_the_wire(&status);
        assert_eq!(reason_of(&received).as_deref(), Some("EMAIL_TAKEN"));
    }

    #[test]
    fn details_that_are_no_base64_are_known_before_they_are_read() {
        let of = |details: &'static str| {
            HeaderMap::from_iter([(DETAILS, http::HeaderValue::from_static(details))])
        };
        for readable in ["", "AAAA", "AA==", "AA"] {
            assert!(has_readable_details(&of(readable)), "{readable}");
            let mut headers = of(readable);
            headers.insert("grpc-status", 5.into());
            assert!(Status::from_header_map(&headers).is_some());
        }
        for broken in ["!", "A", "AA==AA", "AA A", "--__"] {
            assert!(!has_readable_details(&of(broken)), "{broken}");
        }
        assert!(has_readable_details(&HeaderMap::new()));
    }

    fn over_the_wire(status: &Status) -> Status {
        let mut headers = HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        Status::from_header_map(&headers).unwrap()
    }
}
