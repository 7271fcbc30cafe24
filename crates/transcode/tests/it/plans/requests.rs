//! Random requests.

use proptest::prelude::*;
use proptest::sample::Index;
use prost_reflect::SerializeOptions;
use serde_json::{Value as Json, json as tree};

use super::messages::Source;
use super::{TRANSCODER, described, json, post, put};

/// JSON of a random message, with its default values or without.
fn printed(name: &str, bytes: &[u8], whole: bool) -> Json {
    let bytes = bytes.iter();
    let message = Source { bytes, maps: true }.message(&described(name), 3);
    let options = SerializeOptions::new().skip_default_fields(!whole);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .unwrap()
}

fn source() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

/// What may stand where something else did.
fn other() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        tree!(null),
        tree!(true),
        tree!(0),
        tree!(-1),
        tree!(1.5),
        tree!(1.0),
        tree!(-0.0),
        tree!(3_000_000_000_u32),
        tree!(u64::MAX),
        tree!(1e300),
        tree!(""),
        tree!("1"),
        tree!("01"),
        tree!("-0"),
        tree!("+1"),
        tree!("1.5"),
        tree!("NaN"),
        tree!("true"),
        tree!("AAE="),
        tree!("_-8"),
        tree!("KIND_A"),
        tree!("NULL_VALUE"),
        tree!("2026-01-31T12:00:00+01:00"),
        tree!("2026-01-31T12:00:00.5Z"),
        tree!("1.5s"),
        tree!("a_b,cD"),
        tree!("a\u{0}b"),
        tree!([]),
        tree!([1, null]),
        tree!(["x"]),
        tree!({}),
        tree!({"": 1}),
        tree!({"1": {}, "01": {}}),
        tree!({"text": "x", "inner": {"number": 1}}),
        tree!([[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]),
    ])
}

/// Replaces one of the values.
fn replace(json: &mut Json, at: &mut usize, with: &Json) {
    if *at == 0 {
        *json = with.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Json::Object(entries) => entries
            .values_mut()
            .for_each(|value| replace(value, at, with)),
        _ => {}
    }
}

fn count(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(entries) => entries.values().map(count).sum(),
        _ => 0_usize,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn ordinary_requests_are_planned(source in source(), whole: bool) {
        let body = printed("kinds.v1.All", &source, whole).to_string();
        prop_assert!(json(&post("/v1/kinds"), &body).is_some(), "{}", body);
        prop_assert!(
            json(&put("/v1/kinds/a%20b/KIND_ALIAS/-7/false/18446744073709551615"), &body).is_some()
        );
        let body = printed("kinds.v1.Inner", &source, whole).to_string();
        prop_assert!(json(&put("/v1/inner/x"), &body).is_some(), "{}", body);
        // A required field is never made up.
        let body = printed("old.v1.Whole", &source, whole).to_string();
        prop_assert!(json(&post("/v1/old"), &body).is_some(), "{}", body);
    }

    #[test]
    fn wrong_values_are_not_taken(
        source in source(),
        changes in prop::collection::vec((any::<Index>(), other()), 1..4),
    ) {
        for (name, route) in [
            ("kinds.v1.All", post("/v1/kinds")),
            ("kinds.v1.Free", post("/v1/free")),
            ("kinds.v1.Inner", put("/v1/inner/x")),
            ("old.v1.Whole", post("/v1/old")),
            ("old.v1.Around", post("/v1/around")),
        ] {
            let mut body = printed(name, &source, false);
            for (at, with) in &changes {
                let mut at = at.index(count(&body));
                replace(&mut body, &mut at, with);
            }
            json(&route, &body.to_string());
        }
    }

    #[test]
    fn wrong_text_is_not_taken(
        source in source(),
        changes in prop::collection::vec(
            (any::<Index>(), any::<Index>(), 0..4, "[\\[\\]{}:,\"0-9.eE+\\- n\\\\u]|null|\"\"|\\\\ud800|\\\\u0000"),
            1..4,
        ),
    ) {
        let body = printed("kinds.v1.All", &source, false).to_string();
        let mut body: Vec<char> = body.chars().collect();
        for (at, other, how, text) in &changes {
            let (at, other) = (at.index(body.len() + 1), other.index(body.len() + 1));
            let (from, to) = (at.min(other), at.max(other));
            match how {
                0 => body.truncate(at),
                1 => drop(body.splice(at..at, text.chars())),
                2 => drop(body.splice(from..to.min(from + 4), text.chars())),
                _ => {
                    let again = body[from..to.min(from + 40)].to_vec();
                    body.splice(to..to, again);
                }
            }
        }
        json(&post("/v1/kinds"), &body.into_iter().collect::<String>());
    }

    #[test]
    fn bytes_of_anyone_are_not_either(
        body in prop::collection::vec(any::<u8>(), 0..24),
        query in prop::option::of("[a-z=&]{0,4}"),
        content_type in prop::option::of("application/json|text/plain|application/x\\+json; charset=(utf-8|latin1)"),
        text in "/v1/(kinds|free|old|texts|numbers|at|nothing)",
        values in "[-a-zA-Z0-9%]{1,8}",
    ) {
        let paths = [
            text,
            format!("/v1/kinds/{values}"),
            format!("/v1/kinds/{values}/1/{values}/true/{values}"),
            format!("/v1/choices/{values}"),
        ];
        for path in &paths {
            for method in [http::Method::GET, http::Method::POST, http::Method::PUT] {
                if let Ok(route) = TRANSCODER.find(&method, path) {
                    super::request(&route, query.as_deref(), content_type.as_deref(), &body);
                    super::request(&route, query.as_deref(), content_type.as_deref(), b"");
                }
            }
        }
    }
}
