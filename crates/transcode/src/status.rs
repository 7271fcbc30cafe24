//! gRPC errors as HTTP answers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::StatusCode;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use serde_json::{Map, Value as Json};

#[cfg(feature = "service")]
use crate::error::FieldViolation;
use crate::json::{self, Defaults};
use crate::wkt;

/// `google.rpc.Status`, as `grpc-status-details-bin` holds it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: i32,
    message: &'a str,
    details: Vec<Json>,
}

/// The HTTP status of a `google.rpc.Code`, as the comments of `google/rpc/code.proto` map them.
/// Numbers that are no code are UNKNOWN.
#[must_use]
pub fn http_status(code: i32) -> StatusCode {
    match code {
        0 => StatusCode::OK,
        // CANCELLED: "client closed request", which no RFC registers.
        1 => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        // INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE.
        3 | 9 | 11 => StatusCode::BAD_REQUEST,
        4 => StatusCode::GATEWAY_TIMEOUT,
        5 => StatusCode::NOT_FOUND,
        // ALREADY_EXISTS, ABORTED.
        6 | 10 => StatusCode::CONFLICT,
        7 => StatusCode::FORBIDDEN,
        8 => StatusCode::TOO_MANY_REQUESTS,
        12 => StatusCode::NOT_IMPLEMENTED,
        14 => StatusCode::SERVICE_UNAVAILABLE,
        16 => StatusCode::UNAUTHORIZED,
        // UNKNOWN, INTERNAL, DATA_LOSS.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The body of an error answer: `google.rpc.Status` as ProtoJSON.
///
/// `details` are the bytes of a `google.rpc.Status`, the decoded value of
/// `grpc-status-details-bin`; empty when there are none. Details of a type that the pool does not
/// hold are kept as `{"@type": .., "value": <base64>}`; bytes that do not decode, and messages that
/// have no JSON or nest too deep, are left out.
#[must_use]
pub fn error_body(pool: &DescriptorPool, code: i32, message: &str, details: &[u8]) -> Bytes {
    let status = Status::decode(details).unwrap_or_default();
    print(&ErrorBody {
        code,
        message,
        details: status
            .details
            .iter()
            .filter_map(|any| detail(pool, any))
            .collect(),
    })
}

/// The same for an error of fields, whose `google.rpc.BadRequest` no pool has to hold.
#[cfg(feature = "service")]
pub(crate) fn violations_body(code: i32, message: &str, violations: &[FieldViolation]) -> Bytes {
    let violations = violations.iter().map(|violation| {
        serde_json::json!({"field": violation.field, "description": violation.description})
    });
    let detail = serde_json::json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": violations.collect::<Vec<_>>(),
    });
    print(&ErrorBody {
        code,
        message,
        details: vec![detail],
    })
}

fn print(body: &ErrorBody<'_>) -> Bytes {
    serde_json::to_vec(body)
        .expect("a struct of a number, a text and JSON trees serialises")
        .into()
}

fn detail(pool: &DescriptorPool, any: &Any) -> Option<Json> {
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    let mut object = Map::new();
    object.insert("@type".to_owned(), Json::String(any.type_url.clone()));
    let Some(desc) = pool.get_message_by_name(name) else {
        let value = BASE64_STANDARD.encode(&any.value);
        object.insert("value".to_owned(), Json::String(value));
        return Some(Json::Object(object));
    };
    let message = DynamicMessage::decode(desc, any.value.clone()).ok()?;
    let printed = json::print(&message, Defaults::LeftOut).ok()?;
    match serde_json::from_slice(&printed).ok()? {
        Json::Object(fields) if !wkt::is_special(name) => object.extend(fields),
        value => {
            object.insert("value".to_owned(), value);
        }
    }
    Some(Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: google/rpc/code.proto, "HTTP Mapping" of each code.
    #[test]
    fn every_code_has_the_status_of_the_table() {
        let table = [
            200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
        ];
        for (code, status) in (0..).zip(table) {
            assert_eq!(http_status(code).as_u16(), status, "{code}");
        }
        assert_eq!(http_status(-1).as_u16(), 500);
        assert_eq!(http_status(17).as_u16(), 500);
    }
}
