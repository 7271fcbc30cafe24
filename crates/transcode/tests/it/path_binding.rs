//! Path variables into fields. Source: google/api/http.proto, "Path template syntax".

use http::Method;
use serde_json::json;

use crate::support::{get, json};

#[test]
fn a_single_segment_is_decoded_fully() {
    for (target, id) in [
        ("/v1/books/7", "7"),
        ("/v1/books/a%20b", "a b"),
        ("/v1/books/a%2Fb", "a/b"),
        ("/v1/books/a+b", "a+b"),
        ("/v1/books/%E2%82%AC", "\u{20ac}"),
        ("/v1/books/a%3Aarchive", "a:archive"),
    ] {
        assert_eq!(get(target).message(), json!({"id": id}), "{target}");
    }
}

#[test]
fn several_segments_keep_their_escaped_slashes() {
    for (target, name) in [
        ("/v1/shelves/a/books/b", "shelves/a/books/b"),
        ("/v1/shelves/a%2Fb/books/%63", "shelves/a%2Fb/books/c"),
        ("/v1/shelves/a%2fb/books/x%20y", "shelves/a%2fb/books/x y"),
        ("/v1/files/a/b", "a/b"),
        ("/v1/files/a//b/", "a//b/"),
    ] {
        assert_eq!(get(target).message(), json!({"name": name}), "{target}");
    }
    assert_eq!(get("/v1/files").message(), json!({}));
}

#[test]
fn a_custom_verb_is_no_part_of_the_value() {
    let ask = json(Method::POST, "/v1/books/a:b:archive", "{}");
    assert_eq!(ask.message(), json!({"id": "a:b"}));
}

#[test]
fn the_path_is_stronger_than_the_body_and_the_query() {
    let ask = json(Method::PUT, "/v1/everything/7", r#"{"id":"8","i32":1}"#);
    assert_eq!(ask.message(), json!({"id": "7", "i32": 1}));
    assert_eq!(
        get("/v1/books/7?id=8&name=n").message(),
        json!({"id": "7", "name": "n"})
    );
}

#[test]
fn a_variable_and_the_body_cannot_set_one_oneof() {
    json(Method::PUT, "/v1/choices/x", r#"{"born":1815}"#).refused("text", "oneof `value`");
    let ask = json(Method::PUT, "/v1/choices/x", "");
    assert_eq!(ask.message(), json!({"text": "x"}));
}

#[test]
fn a_nested_variable_goes_into_the_message_of_the_body() {
    let ask = json(
        Method::PATCH,
        "/v1/shelves/a/books/b",
        r#"{"title":"T","name":"no"}"#,
    );
    assert_eq!(
        ask.message()["book"],
        json!({"title": "T", "name": "shelves/a/books/b"})
    );
}
