//! The one shape of errors.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value as Json, json};
use transcode::error_body;

/// A `google.rpc.Status` whose details are these, each with its `@type`.
fn details(of: &[(&str, &[u8])]) -> Vec<u8> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    let details = of
        .iter()
        .map(|(name, value)| Any {
            type_url: format!("type.googleapis.com/{name}"),
            value: value.to_vec(),
        })
        .collect();
    Status {
        code: 3,
        message: "inner".into(),
        details,
    }
    .encode_to_vec()
}

fn message(name: &str, json: &Json) -> Vec<u8> {
    let desc: MessageDescriptor = proto::descriptors().get_message_by_name(name).unwrap();
    DynamicMessage::deserialize(desc, json)
        .unwrap()
        .encode_to_vec()
}

fn body(code: i32, text: &str, details: &[u8]) -> Json {
    serde_json::from_slice(&error_body(proto::descriptors(), code, text, details)).unwrap()
}

#[test]
fn code_message_and_details_are_always_there() {
    assert_eq!(
        body(5, "user not found", b""),
        json!({"code": 5, "message": "user not found", "details": []})
    );
    let bytes = error_body(proto::descriptors(), 5, "a", b"");
    assert_eq!(bytes.as_ref(), br#"{"code":5,"message":"a","details":[]}"#);
}

#[test]
fn known_details_are_json_and_unknown_ones_are_kept() {
    let info = message(
        "google.rpc.ErrorInfo",
        &json!({"reason": "R", "domain": "d"}),
    );
    let wrapped = message("google.protobuf.Timestamp", &json!("2026-01-31T12:00:00Z"));
    let details = details(&[
        ("google.rpc.ErrorInfo", &info),
        ("google.protobuf.Timestamp", &wrapped),
        ("no.such.Type", &[1, 2]),
    ]);
    assert_eq!(
        body(3, "m", &details)["details"],
        json!([
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R", "domain": "d"},
            {"@type": "type.googleapis.com/google.protobuf.Timestamp", "value": "2026-01-31T12:00:00Z"},
            {"@type": "type.googleapis.com/no.such.Type", "value": "AQI="},
        ])
    );
}

#[test]
fn bytes_that_do_not_decode_are_left_out() {
    assert_eq!(body(3, "m", b"\xff\xff")["details"], json!([]));
    let details = details(&[("google.rpc.ErrorInfo", b"\xff"), ("no.such.Type", b"")]);
    assert_eq!(
        body(3, "m", &details)["details"].as_array().unwrap().len(),
        1
    );
}
