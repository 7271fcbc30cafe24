//! Messages into answers.

use http::{Method, StatusCode};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Value as Json, json};
use transcode::{MethodPolicy, Options, Response, ResponseError, Transcoder};

use crate::support::{LIBRARY, library, ok, pool};

pub(crate) fn encode(message: &str, json: &Json) -> Vec<u8> {
    let desc = pool().get_message_by_name(message).unwrap();
    DynamicMessage::deserialize(desc, json)
        .unwrap()
        .encode_to_vec()
}

fn answer(method: &Method, path: &str, bytes: &[u8]) -> Result<Response, ResponseError> {
    library().find(method, path).unwrap().response(bytes)
}

fn body(method: &Method, path: &str, bytes: &[u8]) -> Json {
    let response = answer(method, path, bytes).unwrap();
    assert_eq!(response.content_type, "application/json");
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn fields_with_default_values_are_printed() {
    assert_eq!(
        body(&Method::GET, "/v1/books/7", b""),
        json!({"name": "", "title": "", "tags": []})
    );
    let whole = json!({
        "name": "n", "title": "t", "tags": ["x"],
        "author": {"fullName": "A", "born": 0},
        "printedAt": "2026-01-31T12:00:00Z",
    });
    let bytes = encode("library.v1.Book", &whole);
    assert_eq!(body(&Method::GET, "/v1/books/7", &bytes), whole);
}

#[test]
fn numbers_of_64_bits_are_strings_and_what_has_no_number_is_text() {
    let bytes = encode(
        "library.v1.Everything",
        &json!({"i64": "1", "f64": "Infinity", "data": "AA"}),
    );
    let printed = body(&Method::GET, "/v1/search", &bytes);
    assert_eq!(printed["i64"], "1");
    assert_eq!(printed["u64"], "0");
    assert_eq!(printed["f64"], "Infinity");
    assert_eq!(printed["data"], "AA==");
    assert_eq!(printed["kind"], "KIND_UNSPECIFIED");
    assert_eq!(printed["labels"], json!({}));
    assert_eq!(printed.get("maybe"), None);
}

#[test]
fn a_response_body_is_that_field_alone() {
    let path = "/v1/shelves/a/books/b";
    let bytes = encode(
        "library.v1.Book",
        &json!({"title": "a \"quoted\" title", "name": "n"}),
    );
    assert_eq!(
        body(&Method::PATCH, path, &bytes),
        json!("a \"quoted\" title")
    );
    assert_eq!(body(&Method::PATCH, path, b""), json!(""));
    let bytes = encode(
        "library.v1.SetTagsRequest",
        &json!({"tags": ["a"], "dryRun": true}),
    );
    assert_eq!(body(&Method::PUT, "/v1/tags", &bytes), json!(["a"]));
    assert_eq!(body(&Method::PUT, "/v1/tags", b""), json!([]));
}

#[test]
fn raw_answers_have_their_own_content_type() {
    let desc = pool().get_message_by_name("google.api.HttpBody").unwrap();
    let mut message = DynamicMessage::new(desc);
    message.set_field_by_name("data", Value::Bytes(vec![0, 255].into()));
    let raw =
        |message: &DynamicMessage| answer(&Method::POST, "/v1/echo", &message.encode_to_vec());
    let response = raw(&message).unwrap();
    assert_eq!(response.content_type, "application/octet-stream");
    message.set_field_by_name("content_type", Value::String("image/png".into()));
    let response = raw(&message).unwrap();
    assert_eq!(response.content_type, "image/png");
    assert_eq!(response.body.as_ref(), [0, 255]);
    message.set_field_by_name("content_type", Value::String("a\r\nSet-Cookie: x".into()));
    assert!(matches!(raw(&message), Err(ResponseError::ContentType)));
}

#[test]
fn the_policy_decides_the_status_and_204_has_no_body() {
    let policy = |method: &prost_reflect::MethodDescriptor| {
        Some(MethodPolicy {
            success_status: if method.is_server_streaming() {
                StatusCode::OK
            } else {
                StatusCode::NO_CONTENT
            },
            ..MethodPolicy::default()
        })
    };
    let library = Transcoder::new(pool(), &[LIBRARY], policy, Options::default()).unwrap();
    let route = library.find(&Method::POST, "/v1/books/7:archive").unwrap();
    let response = route.response(b"").unwrap();
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert!(response.body.is_empty());
}

#[test]
fn a_method_without_a_policy_has_no_route() {
    let policy = |method: &prost_reflect::MethodDescriptor| {
        (method.name() != "ArchiveBook")
            .then(|| ok(method))
            .flatten()
    };
    let library = Transcoder::new(pool(), &[LIBRARY], policy, Options::default()).unwrap();
    assert!(library.find(&Method::POST, "/v1/books/7:archive").is_err());
    assert!(library.find(&Method::GET, "/v1/books/7").is_ok());
}

#[test]
fn a_stream_with_a_status_that_has_no_body_is_a_fault() {
    let policy = |_: &prost_reflect::MethodDescriptor| {
        Some(MethodPolicy {
            success_status: StatusCode::NO_CONTENT,
            ..MethodPolicy::default()
        })
    };
    let error = Transcoder::new(pool(), &[LIBRARY], policy, Options::default()).unwrap_err();
    let faults: Vec<_> = error.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("a stream has a body"), "{faults:?}");
}

#[test]
fn a_response_that_cannot_be_shown_is_an_error() {
    assert!(matches!(
        answer(&Method::GET, "/v1/books/7", b"\xff"),
        Err(ResponseError::Decode { .. })
    ));
    // A timestamp in the year 10,000: field 20 holding {1: 2^40}.
    let far = b"\xa2\x01\x07\x08\x80\x80\x80\x80\x80\x20";
    assert!(matches!(
        answer(&Method::GET, "/v1/search", far),
        Err(ResponseError::Json { .. })
    ));
}

/// Source: the conformance tests of protobuf, `TimestampProto..`, `DurationProto..`, `FieldMask..` and
/// `ValueReject..`.
#[test]
fn a_value_that_json_cannot_hold_is_an_error() {
    let time = |seconds: i64, nanos: i32| {
        vec![
            ("seconds", Value::I64(seconds)),
            ("nanos", Value::I32(nanos)),
        ]
    };
    let paths = |path: &str| vec![("paths", Value::List(vec![Value::String(path.to_owned())]))];
    let any = |url: &str, value: &'static [u8]| {
        vec![
            ("type_url", Value::String(url.to_owned())),
            ("value", Value::Bytes(value.into())),
        ]
    };
    let number = |number| vec![("number_value", Value::F64(number))];
    let author = "type.googleapis.com/library.v1.Author";
    for (field, parts) in [
        ("at", time(-62_135_596_801, 0)),
        ("at", time(253_402_300_800, 0)),
        ("at", time(0, -1)),
        ("at", time(0, 1_000_000_000)),
        ("lasts", time(315_576_000_001, 0)),
        ("lasts", time(-315_576_000_001, 0)),
        ("lasts", time(1, -1)),
        ("lasts", time(-1, 1)),
        ("lasts", time(1, 1_000_000_000)),
        ("lasts", time(-1, -1_000_000_000)),
        ("mask", paths("fooBar")),
        ("mask", paths("foo_3_bar")),
        ("mask", paths("foo__bar")),
        ("mask", paths("foo_")),
        ("mask", paths("foo_.bar")),
        ("mask", paths("foo,bar")),
        ("any_json", number(f64::NAN)),
        ("any_json", number(f64::NEG_INFINITY)),
        ("any", any("", b"x")),
        ("any", any("Author", b"")),
        ("any", any("type.googleapis.com/nobody.v1.Knows", b"")),
        ("any", any(author, b"\xff")),
    ] {
        let desc = pool().get_message_by_name("library.v1.Everything").unwrap();
        let mut message = DynamicMessage::new(desc.clone());
        let kind = desc.get_field_by_name(field).unwrap().kind();
        let mut inner = DynamicMessage::new(kind.as_message().unwrap().clone());
        for (name, value) in &parts {
            inner.set_field_by_name(name, value.clone());
        }
        message.set_field_by_name(field, Value::Message(inner));
        let refused = answer(&Method::GET, "/v1/search", &message.encode_to_vec());
        assert!(
            matches!(refused, Err(ResponseError::Json { .. })),
            "{parts:?}: {refused:?}"
        );
    }
}

/// Source: the conformance tests of protobuf, `AnyWithNoType`.
#[test]
fn an_any_without_anything_is_an_empty_object_both_ways() {
    let route = library().find(&Method::POST, "/v1/everything").unwrap();
    let bytes = route.request(None, None, br#"{"any":{}}"#).unwrap();
    assert_eq!(bytes.as_ref(), b"\xe2\x01\x00");
    let printed: Json = serde_json::from_slice(&route.response(&bytes).unwrap().body).unwrap();
    assert_eq!(printed["any"], json!({}));
    for wrong in [
        r#"{"any":{"@type":""}}"#,
        r#"{"any":{"born":1}}"#,
        r#"{"any":[]}"#,
    ] {
        assert!(
            route.request(None, None, wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn the_same_message_has_the_same_json() {
    let labels: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!("v"))).collect();
    let free: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!(n))).collect();
    let any = json!({"@type": "type.googleapis.com/library.v1.Author", "born": 1});
    let bytes = encode(
        "library.v1.Everything",
        &json!({"labels": labels, "free": free, "any": any}),
    );
    // Such an answer is a dynamic message, whose maps are in the order that they happen to be in.
    let first = answer(&Method::GET, "/v1/search", &bytes).unwrap();
    for _ in 0..5 {
        assert_eq!(answer(&Method::GET, "/v1/search", &bytes).unwrap(), first);
    }
}
