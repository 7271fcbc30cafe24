//! What a contract says of a method beyond `google.api.http`. How it is written there is for the
//! caller of this crate to know.

use http::StatusCode;

/// What a contract says of a method beyond `google.api.http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// The status of success. With 204 and 304 the answer has no body.
    pub success_status: StatusCode,
    /// What a caller must bring; only documented here, enforced by the caller of this crate.
    pub security: Security,
    /// Skip the keys of a query or body that the request message does not know, and names that its enums
    /// do not have, rather than refuse them: for methods whose clients may be newer than the server.
    pub ignore_unknown_fields: bool,
    /// Where what a call has created is found, with status 201: `/v1/books/{book.id}`, with fields of
    /// the response. Of an answer in which one of them is absent or empty nothing is said.
    pub location: Option<String>,
    /// How a stream of events is taken up where it broke off.
    pub cursor: Option<Cursor>,
}

/// What a caller must bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Nothing.
    Public,
    /// An access token: `Authorization: Bearer`.
    Bearer {
        /// The scopes that it must have, all of them (RFC 6749, 3.3).
        scopes: Vec<String>,
    },
}

/// The fields by which a stream of events is taken up where it broke off (HTML, "Server-sent events",
/// the last event ID). Both hold text, numbers, enums, or well-known types that are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The response field that is the `id` of an event: `post.number`.
    pub response_field: String,
    /// The request field that says after which event to begin: `Last-Event-ID` fills it.
    pub request_field: String,
}

impl Default for MethodPolicy {
    /// Status 200, for everybody, and nothing else.
    fn default() -> Self {
        Self {
            success_status: StatusCode::OK,
            security: Security::Public,
            ignore_unknown_fields: false,
            location: None,
            cursor: None,
        }
    }
}
