//! Query parameters. Source of the keys: google/api/http.proto, rule 2 of "Rules for HTTP mapping";
//! of the values: the ProtoJSON table.

use http::Method;
use serde_json::json;

use crate::support::{get, with_body};

#[test]
fn values_of_every_type_are_read() {
    for (query, expected) in [
        ("", json!({})),
        ("&&", json!({})),
        ("id=a+b%2B%26", json!({"id": "a b+&"})),
        ("id", json!({})),
        (
            "i32=-1&u32=4294967295",
            json!({"i32": -1, "u32": 4_294_967_295_u32}),
        ),
        (
            "i64=-9223372036854775808",
            json!({"i64": "-9223372036854775808"}),
        ),
        (
            "u64=18446744073709551615",
            json!({"u64": "18446744073709551615"}),
        ),
        ("f32=1.5&f64=-2e3", json!({"f32": 1.5, "f64": -2000.0})),
        ("f64=NaN", json!({"f64": "NaN"})),
        ("f32=-Infinity", json!({"f32": "-Infinity"})),
        ("flag=true", json!({"flag": true})),
        ("data=-_8", json!({"data": "+/8="})),
        ("data=%2B/8%3D", json!({"data": "+/8="})),
        ("kind=KIND_NOVEL", json!({"kind": "KIND_NOVEL"})),
        ("kind=1", json!({"kind": "KIND_NOVEL"})),
        ("kind=7", json!({"kind": 7})),
        (
            "numbers=1&numbers=2&numbers=1",
            json!({"numbers": [1, 2, 1]}),
        ),
        (
            "kinds=1&kinds=KIND_UNSPECIFIED",
            json!({"kinds": ["KIND_NOVEL", "KIND_UNSPECIFIED"]}),
        ),
        (
            "labels[a]=1&labels[b.c]=2",
            json!({"labels": {"a": "1", "b.c": "2"}}),
        ),
        ("labels%5Ba%5D=1", json!({"labels": {"a": "1"}})),
        (
            "byFlag[true]=KIND_NOVEL",
            json!({"byFlag": {"true": "KIND_NOVEL"}}),
        ),
        (
            "nested.nested.i32=3&nested.id=x",
            json!({"nested": {"nested": {"i32": 3}, "id": "x"}}),
        ),
        (
            "nested.labels[k]=v",
            json!({"nested": {"labels": {"k": "v"}}}),
        ),
        (
            "author.fullName=A&author.born=1",
            json!({"author": {"fullName": "A", "born": 1}}),
        ),
        ("snakeCaseName=a", json!({"snakeCaseName": "a"})),
        ("snake_case_name=a", json!({"snakeCaseName": "a"})),
        ("maybe=", json!({"maybe": ""})),
        (
            "at=2026-01-31T12:00:00Z",
            json!({"at": "2026-01-31T12:00:00Z"}),
        ),
        ("lasts=1.5s", json!({"lasts": "1.500s"})),
        ("mask=a,snakeCase.b", json!({"mask": "a,snakeCase.b"})),
        ("mask=snake_case.b", json!({"mask": "snakeCase.b"})),
        ("wrappedText=", json!({"wrappedText": ""})),
        ("wrappedNumber=0", json!({"wrappedNumber": "0"})),
        ("wrappedData=AA", json!({"wrappedData": "AA=="})),
        ("null=NULL_VALUE", json!({})),
    ] {
        let target = format!("/v1/search?{query}");
        assert_eq!(get(&target).message(), expected, "{query}");
    }
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (query, field, says) in [
        ("nowhere=1", "nowhere", "no such field"),
        ("nested.nowhere=1", "nested.nowhere", "no such field"),
        ("id.x=1", "id.x", "not a singular message"),
        ("authors.born=1", "authors.born", "not a singular message"),
        ("id=1&id=2", "id", "one value"),
        (
            "snakeCaseName=1&snake_case_name=2",
            "snake_case_name",
            "one value",
        ),
        ("nested.id=1&nested.id=1", "nested.id", "one value"),
        ("left=a&right=1", "right", "oneof `choice`"),
        ("left=a&author.born=1", "author.born", "oneof `choice`"),
        (
            "nested.left=a&nested.right=1",
            "nested.right",
            "oneof `choice`",
        ),
        ("mask=a,_", "mask", "field paths"),
        ("mask=a_b..c", "mask", "field paths"),
        ("labels[a]=1&labels[a]=2", "labels[a]", "twice"),
        ("labels=1", "labels", "name[key]=value"),
        ("labels[a=1", "labels[a", "not closed"),
        ("id[a]=1", "id[a]", "not a map"),
        ("byNumber[1]=1", "byNumber[1]", "send them in a body"),
        (
            "byFlag[1]=KIND_NOVEL",
            "byFlag[1]",
            "the key: expected true or false",
        ),
        ("author=1", "author", "is a message"),
        ("free=1", "free", "is a message"),
        ("anyJson=1", "anyJson", "is a message"),
        ("i32=2147483648", "i32", "whole number of 32 bits"),
        ("i32=", "i32", "whole number"),
        ("i32=1.5", "i32", "whole number"),
        ("i32=%2B1", "i32", "whole number"),
        ("u64=-1", "u64", "not negative"),
        ("u64=18446744073709551616", "u64", "64 bits"),
        ("f64=1e400", "f64", "number"),
        ("f64=inf", "f64", "number"),
        ("f32=1e39", "f32", "32 bits"),
        ("flag=1", "flag", "true or false"),
        ("flag", "flag", "true or false"),
        ("data=!", "data", "base64"),
        ("kind=KIND_OTHER", "kind", "enum's names"),
        ("kind=3000000000", "kind", "enum's names"),
        ("at=yesterday", "at", "RFC 3339"),
        ("lasts=1", "lasts", "duration"),
        ("lasts=400000000000s", "lasts", "duration"),
        ("id=%00", "id", "NUL"),
        ("id=%zz", "id", "hexadecimal"),
        ("id=%ff", "id", "UTF-8"),
        ("hunter2%20=1", "(unprintable name)", "no such field"),
    ] {
        let target = format!("/v1/search?{query}");
        get(&target).refused(field, says);
    }
    assert!(
        get("/v1/search?%zz=1")
            .error()
            .message
            .contains("hexadecimal")
    );
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let error = get("/v1/search?i32=x&flag=x&id=ok&nowhere=1").error();
    let fields: Vec<_> = error.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["i32", "flag", "nowhere"]);
    assert!(error.message.ends_with("(and 2 more)"), "{error}");
}

#[test]
fn a_route_whose_body_is_everything_takes_no_query() {
    let ask = with_body(Method::POST, "/v1/everything?id=7", None, b"{}");
    ask.refused("id", "send it in the body");
    let ask = with_body(Method::POST, "/v1/everything?", None, b"{}");
    assert_eq!(ask.message(), json!({}));
}

#[test]
fn a_query_fills_what_the_body_leaves() {
    let ask = with_body(Method::PUT, "/v1/tags?dryRun=true", None, br#"["a"]"#);
    assert_eq!(ask.message(), json!({"tags": ["a"], "dryRun": true}));
    // The body is stronger, and an absent body says nothing.
    let ask = with_body(Method::PUT, "/v1/tags?tags=b", None, br#"["a"]"#);
    assert_eq!(ask.message(), json!({"tags": ["a"]}));
    let ask = with_body(Method::PUT, "/v1/tags?tags=b", None, b"");
    assert_eq!(ask.message(), json!({"tags": ["b"]}));
}
