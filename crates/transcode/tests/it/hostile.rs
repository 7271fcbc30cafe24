//! Input that is meant to hurt: nothing panics, and what is refused is told in few words.

use std::fmt::Write as _;

use http::Method;
use proptest::prelude::*;

use crate::support::{get, json, library, with_body};

#[test]
fn many_query_keys_are_read() {
    let mut target = "/v1/search?".to_owned();
    for index in 0..10_000 {
        write!(target, "labels[k{index}]=v&numbers={index}&").unwrap();
    }
    let message = get(&target).message();
    assert_eq!(message["labels"].as_object().unwrap().len(), 10_000);
    let unknown = "x=1&".repeat(100_000);
    let error = get(&format!("/v1/search?{unknown}")).error();
    assert_eq!(error.violations.len(), 20);
}

#[test]
fn deep_query_keys_and_bodies_are_refused() {
    let key = "nested.".repeat(100_000);
    let error = get(&format!("/v1/search?{key}id=1")).error();
    assert!(
        error.message.contains("nested too deeply"),
        "{}",
        error.message.len()
    );
    for (open, close) in [("{\"nested\":", "}"), ("{\"list\":[", "]}"), ("[", "]")] {
        let body = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        let error = json(Method::POST, "/v1/everything", &body).error();
        assert!(error.message.contains("nested too deeply"), "{open}");
        assert!(error.message.len() < 10_000);
    }
    // What passes can be read by the other side, which has protobuf's limit of 100 messages.
    let nested = |messages: usize, lists: usize| {
        format!(
            "{}{{\"anyJson\":{}1{}}}{}",
            "{\"nested\":".repeat(messages),
            "[".repeat(lists),
            "]".repeat(lists),
            "}".repeat(messages)
        )
    };
    for (messages, lists) in [(98, 0), (1, 30), (60, 5)] {
        json(Method::POST, "/v1/everything", &nested(messages, lists)).message();
    }
    let body = nested(60, 30);
    let error = json(Method::POST, "/v1/everything", &body).error();
    assert!(error.message.contains("nested too deeply"), "{error}");
}

#[test]
fn long_paths_and_names_are_read() {
    let path = "/a".repeat(500_000);
    assert!(library().find(&Method::GET, &path).is_err());
    let path = format!("/v1/files{}", "/%41".repeat(200_000));
    assert!(library().find(&Method::GET, &path).is_ok());
    let body = format!("{{\"{}\":1}}", "x".repeat(1_000_000));
    let error = json(Method::POST, "/v1/everything", &body).error();
    assert!(error.message.len() < 200, "{}", error.message.len());
}

#[test]
fn lists_and_maps_may_be_as_large_as_the_body() {
    let numbers = "1,".repeat(99_999) + "1";
    let message = json(
        Method::POST,
        "/v1/everything",
        &format!("{{\"numbers\":[{numbers}]}}"),
    )
    .message();
    assert_eq!(message["numbers"].as_array().unwrap().len(), 100_000);
    let mut entries = String::new();
    for index in 0..10_000 {
        write!(entries, "\"k{index}\":\"v\",").unwrap();
    }
    let body = format!("{{\"labels\":{{{entries}\"k\":\"v\"}}}}");
    let message = json(Method::POST, "/v1/everything", &body).message();
    assert_eq!(message["labels"].as_object().unwrap().len(), 10_001);
    // The same key again and again ends at the second.
    let body = format!(
        "{{\"labels\":{{{}\"k\":\"v\"}}}}",
        "\"k\":\"v\",".repeat(50_000)
    );
    json(Method::POST, "/v1/everything", &body).refused("labels.k", "appears twice");
}

#[test]
fn huge_numbers_are_refused() {
    let digits = "9".repeat(100_000);
    for field in [
        "i32",
        "i64",
        "u64",
        "f32",
        "kind",
        "wrappedNumber",
        "lasts",
        "at",
    ] {
        for value in [
            digits.clone(),
            format!("\"{digits}\""),
            format!("\"{digits}s\""),
        ] {
            let body = format!("{{\"{field}\":{value}}}");
            let error = json(Method::POST, "/v1/everything", &body).error();
            assert!(error.message.len() < 300, "{field}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_request_panics(
        target in "/v1/(everything|search|books/[a-z%:]{0,4}|files/[^?]{0,8})\\?[a-z0-9.=&%\\[\\]+]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..64),
        form in any::<bool>(),
    ) {
        let (path, query) = target.split_once('?').unwrap();
        let content_type = form.then_some("application/x-www-form-urlencoded");
        for method in [Method::GET, Method::POST] {
            if let Ok(route) = library().find(&method, path) {
                let _ = route.request(Some(query), content_type, &body);
                let _ = route.response(&body);
            }
        }
    }

    #[test]
    fn no_text_of_a_well_known_type_panics(text in "[-+0-9TZ:.s,a-zA-Z]{0,32}") {
        for field in ["at", "lasts", "mask", "wrappedNumber", "wrappedData", "f64"] {
            let body = serde_json::json!({field: text}).to_string();
            let _ = with_body(Method::POST, "/v1/everything", None, body.as_bytes()).try_message();
        }
    }

    #[test]
    fn no_error_details_panic(details in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = transcode::error_body(proto::descriptors(), 3, "m", &details);
    }
}
