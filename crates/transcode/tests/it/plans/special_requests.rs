//! Requests that plans must leave alone, and rare ones that they take.

use http::Method;
use serde_json::json as tree;
use transcode::{Options, Transcoder, fuzz};

use super::{POOL, TRANSCODER, json, post, put, request, shown};
use crate::support::{library, ok};

#[test]
fn what_is_rare_or_wrong_is_left_to_dynamic_messages() {
    let deep = format!("{}{}", "{\"self\":".repeat(20), "{}") + &"}".repeat(20);
    for body in [
        " ",
        "null",
        "[]",
        "1",
        "{",
        "{} {}",
        "{}x",
        r#"{"nowhere":1}"#,
        r#"{"text":"a","text":"b"}"#,
        r#"{"maybeNumber":1,"maybe_number":2}"#,
        r#"{"maybeNumber":null,"maybe_number":2}"#,
        r#"{"left":"a","right":1}"#,
        r#"{"left":"","middle":{}}"#,
        r#"{"text":"a\u0000b"}"#,
        r#"{"byText":{"a\u0000":"b"}}"#,
        r#"{"text":"\ud800"}"#,
        r#"{"text":1}"#,
        r#"{"text":["a"]}"#,
        r#"{"i32":1.0}"#,
        r#"{"i32":1e0}"#,
        r#"{"i32":-0}"#,
        r#"{"i32":2147483648}"#,
        r#"{"i32":"01"}"#,
        r#"{"i32":"-0"}"#,
        r#"{"i32":"+1"}"#,
        r#"{"i32":""}"#,
        r#"{"i32":"-"}"#,
        r#"{"i32":" 1"}"#,
        r#"{"i32":true}"#,
        r#"{"u32":-1}"#,
        r#"{"u64":18446744073709551616}"#,
        r#"{"u64":"18446744073709551616"}"#,
        r#"{"i64":9223372036854775808}"#,
        r#"{"single":1e39}"#,
        r#"{"twice":1e999}"#,
        r#"{"twice":"1.5"}"#,
        r#"{"twice":"nan"}"#,
        r#"{"flag":"true"}"#,
        r#"{"flag":1}"#,
        r#"{"data":"?"}"#,
        r#"{"kind":"KIND_NONE"}"#,
        r#"{"kind":5}"#,
        r#"{"kind":1.0}"#,
        r#"{"kind":"1"}"#,
        r#"{"inner":"x"}"#,
        r#"{"inner":[]}"#,
        r#"{"inner":[{}]}"#,
        r#"{"inners":{}}"#,
        r#"{"inners":[null]}"#,
        r#"{"inners":[[]]}"#,
        r#"{"numbers":1}"#,
        r#"{"numbers":[[1]]}"#,
        r#"{"numbers":[null]}"#,
        r#"{"byText":[]}"#,
        r#"{"byText":{"a":null}}"#,
        r#"{"byText":{"a":"x","a":"y"}}"#,
        r#"{"byText":{"a":"x","\u0061":"y"}}"#,
        r#"{"byNumber":{"1":{},"01":{}}}"#,
        r#"{"byNumber":{"x":{}}}"#,
        r#"{"byNumber":{"1":[]}}"#,
        r#"{"byFlag":{"1":"KIND_A"}}"#,
        r#"{"at":"2026-02-29T00:00:00Z"}"#,
        r#"{"at":1}"#,
        r#"{"at":{}}"#,
        r#"{"lasts":"1"}"#,
        r#"{"mask":"A_b"}"#,
        r#"{"nothing":{"x":1}}"#,
        r#"{"wrappedI32":{}}"#,
        r#"{"wrappedI32":1.5}"#,
        r#"{"wrappedTexts":[null]}"#,
        &deep,
    ] {
        assert!(json(&post("/v1/kinds"), body).is_none(), "{body}");
    }
    for body in [
        r#"{"free":{}}"#,
        r#"{"anyJson":null}"#,
        r#"{"list":[]}"#,
        r#"{"null":null}"#,
        r#"{"nulls":[null]}"#,
        r#"{"values":[1]}"#,
        r#"{"named":{"a":1}}"#,
        r#"{"nothing":null,"something":"x"}"#,
    ] {
        assert!(json(&post("/v1/free"), body).is_none(), "{body}");
    }
    assert!(json(&post("/v1/grouped"), r#"{"Part":[{"text":"x"}]}"#).is_none());
    assert!(json(&post("/v1/around"), r#"{"grouped":[{"id":"x"}]}"#).is_none());
}

#[test]
fn what_protojson_allows_is_planned() {
    let deep = format!("{}{}", "{\"self\":".repeat(19), "{}") + &"}".repeat(19);
    for body in [
        "{}",
        " { } ",
        r#"{"maybe_number":1}"#,
        r#"{"text":null,"inner":null,"numbers":null,"byText":null,"at":null,"wrappedI32":null}"#,
        r#"{"left":null,"right":1,"middle":null}"#,
        r#"{"left":""}"#,
        r#"{"swapped":"a","second":"b"}"#,
        r#"{"first_name":"a"}"#,
        r#"{"a \"quoted\" näme":"a","id64":"5"}"#,
        r#"{"text":"\"\\\n\u0001\ud83d\ude00"}"#,
        r#"{"te\u0078t":"x"}"#,
        r#"{"i32":"-7","i64":-7,"u64":"18446744073709551615","s64":-9223372036854775808}"#,
        r#"{"single":1,"twice":-0.0,"maybeTwice":-0.0,"doubles":[-0.0,1e21,"NaN","-Infinity",7]}"#,
        r#"{"single":1e-60}"#,
        r#"{"data":"_-8","no":"AAE"}"#,
        r#"{"kind":"KIND_ALIAS","kinds":[0,1,"KIND_BELOW",-5],"maybeKind":"KIND_UNSPECIFIED"}"#,
        r#"{"numbers":[],"texts":[],"inners":[],"byText":{}}"#,
        r#"{"byNumber":{"-1":{},"0":{"number":5}},"byFlag":{"true":1,"false":0},"byText":{"":"","b":"x"}}"#,
        r#"{"byU64":{"18446744073709551615":-0.0}}"#,
        r#"{"byName":{"a":{"byName":{"a":{},"b":{"byName":{"a":{}}}}}}}"#,
        r#"{"at":"2026-01-31T12:00:00+01:00","times":["2026-01-31T12:00:00.123456789123Z"]}"#,
        r#"{"lasts":"-1.5s","mask":"fullName,a.b"}"#,
        r#"{"mask":"full_name,a_b.c"}"#,
        r#"{"mask":""}"#,
        r#"{"nothing":{}}"#,
        r#"{"wrappedText":"","wrappedData":"AA==","wrappedBool":false,"wrappedI64":"-5","wrappedFloat":-0.0,"wrappedDouble":"NaN"}"#,
        r#"{"wrappedTexts":["a",""]}"#,
        &deep,
    ] {
        assert!(json(&post("/v1/kinds"), body).is_some(), "{body}");
    }
    let long = "x".repeat(200);
    let nested =
        format!(r#"{{"inner":{{"inner":{{"text":"{long}","inner":{{"text":"{long}"}}}}}}}}"#);
    assert!(json(&post("/v1/kinds"), &nested).is_some());
    assert!(
        json(
            &post("/v1/free"),
            r#"{"id":"x","free":null,"list":null,"null":"NULL_VALUE"}"#
        )
        .is_some()
    );
    assert!(json(&post("/v1/nothing"), "{}").is_some());
    assert!(
        json(
            &post("/v1/old"),
            r#"{"colour":3,"byText":{"a":"RED","b":"GREEN"}}"#
        )
        .is_some()
    );
}

#[test]
fn a_field_that_is_the_body_is_planned() {
    for body in ["null", "[]", "[1,2]", "[\"3\"]"] {
        assert!(json(&put("/v1/numbers"), body).is_some(), "{body}");
    }
    for body in ["1", "{}", "[null]", "[1.5]", "[1] 2"] {
        assert!(json(&put("/v1/numbers"), body).is_none(), "{body}");
    }
    let message = json(&put("/v1/inner/y"), r#"{"text":"x","number":5}"#).unwrap();
    assert_eq!(
        shown(&message),
        tree!({"inner": {"text": "y", "number": 5}}).to_string()
    );
    let message = json(&put("/v1/inner/y"), "null").unwrap();
    assert_eq!(shown(&message), tree!({"inner": {"text": "y"}}).to_string());
}

#[test]
fn the_path_is_stronger_than_the_body_even_with_a_default() {
    let route = put("/v1/kinds/t/KIND_UNSPECIFIED/0/false/0");
    let body = r#"{"text":"b","kind":1,"inner":{"text":"kept","inner":{"number":9}},"maybeBool":true,"u64":7}"#;
    let message = json(&route, body).unwrap();
    let expected = tree!({
        "text": "t", "maybeBool": false, "inner": {"text": "kept", "inner": {}},
    });
    assert_eq!(shown(&message), expected.to_string());
    for path in [
        "/v1/kinds/t/KIND_NONE/0/false/0",
        "/v1/kinds/t/1/0/false/0",
        "/v1/kinds/t/KIND_A/x/false/0",
        "/v1/kinds/t/KIND_A/0/0/0",
        "/v1/kinds/t/KIND_A/0/true/-1",
        "/v1/kinds/t/KIND_A/00/true/1",
    ] {
        assert!(json(&put(path), "{}").is_none(), "{path}");
    }
}

#[test]
fn requests_without_a_body_are_planned_and_those_with_a_query_are_not() {
    let get = |path| TRANSCODER.find(&Method::GET, path).unwrap();
    let route = get("/v1/kinds/-77");
    for (query, content_type, body, planned) in [
        (None, None, "", true),
        (Some(""), None, "", true),
        (Some("text=x"), None, "", false),
        (Some("&"), None, "", false),
        // A route that reads no body does not look at one.
        (None, Some("text/plain"), "{", true),
    ] {
        let message = request(&route, query, content_type, body.as_bytes());
        assert_eq!(message.is_some(), planned, "{query:?}");
    }
    for (content_type, planned) in [
        (None, true),
        (Some("application/json"), true),
        (Some("application/JSON ; charset=\"UTF-8\""), true),
        (Some("application/merge-patch+json"), true),
        (Some("application/json; charset=latin1"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("text/plain"), false),
        (Some(""), false),
    ] {
        let message = request(&post("/v1/kinds"), None, content_type, b"{}");
        assert_eq!(message.is_some(), planned, "{content_type:?}");
    }
    // A member of a oneof could have rivals.
    assert!(request(&get("/v1/choices/x"), None, None, b"").is_none());
}

#[test]
fn masks_raw_bodies_and_answers_with_any_are_left_to_dynamic_messages() {
    let find = |method, path| library().find(&method, path).unwrap();
    let patch = find(Method::PATCH, "/v1/shelves/a/books/b");
    assert!(request(&patch, None, None, br#"{"title":"x"}"#).is_none());
    assert!(request(&find(Method::POST, "/v1/echo"), None, None, b"{}").is_none());
    assert!(request(&find(Method::POST, "/v1/uploads/x"), None, None, b"{}").is_none());
    assert!(fuzz::planned_answer(&find(Method::GET, "/v1/search"), b"").is_none());
    assert!(fuzz::planned_answer(&find(Method::POST, "/v1/echo"), b"").is_none());
    assert!(fuzz::planned_answer(&find(Method::GET, "/v1/books/x"), b"").is_some());
    assert!(request(&find(Method::GET, "/v1/books/x"), None, None, b"").is_some());
    // A body that holds an `Any` is left, others of the same message are not.
    let create = find(Method::POST, "/v1/everything");
    assert!(request(&create, None, None, br#"{"id":"x"}"#).is_some());
    assert!(request(&create, None, None, br#"{"any":{}}"#).is_none());
}

#[test]
fn a_smaller_limit_of_depth_holds() {
    let options = Options { max_body_depth: 3 };
    let small = Transcoder::new(&POOL, &["kinds.v1.Kinds"], ok, options).unwrap();
    let route = small.find(&Method::POST, "/v1/kinds").unwrap();
    assert!(json(&route, r#"{"self":{"numbers":[1]}}"#).is_some());
    assert!(json(&route, r#"{"self":{"inners":[{}]}}"#).is_none());
    assert!(json(&route, r#"{"self":{"byText":{}}}"#).is_some());
    assert!(json(&route, r#"{"self":{"byNumber":{"1":{}}}}"#).is_none());
}
