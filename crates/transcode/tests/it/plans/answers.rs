//! Random answers.

use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;
use prost_reflect::{DynamicMessage, SerializeOptions};
use transcode::fuzz;

use super::messages::Source;
use super::{answer, described, post, put};

fn encoded(name: &str, bytes: &[u8], maps: bool) -> Vec<u8> {
    let bytes = bytes.iter();
    Source { bytes, maps }
        .message(&described(name), 3)
        .encode_to_vec()
}

fn source() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn ordinary_answers_are_planned(source in source()) {
        let bytes = encoded("kinds.v1.All", &source, true);
        prop_assert!(answer(&post("/v1/kinds"), &bytes).is_some());
        for path in ["/v1/inner/x", "/v1/numbers", "/v1/texts"] {
            prop_assert!(answer(&put(path), &bytes).is_some(), "{}", path);
        }
        let bytes = encoded("old.v1.Whole", &source, true);
        prop_assert!(answer(&post("/v1/old"), &bytes).is_some());
        let bytes = encoded("kinds.v1.Free", &source, true);
        prop_assert!(answer(&post("/v1/free"), &bytes).is_some());
        let bytes = encoded("old.v1.Around", &source, true);
        prop_assert!(answer(&post("/v1/around"), &bytes).is_some());
    }

    #[test]
    fn without_maps_every_byte_is_the_same(source in source()) {
        for (name, route) in [
            ("kinds.v1.All", post("/v1/kinds")),
            ("old.v1.Whole", post("/v1/old")),
            ("kinds.v1.Free", post("/v1/free")),
        ] {
            let bytes = encoded(name, &source, false);
            let planned = fuzz::planned_answer(&route, &bytes).unwrap();
            prop_assert_eq!(planned, fuzz::dynamic_answer(&route, &bytes).unwrap());
        }
    }

    #[test]
    fn dynamic_messages_are_printed_as_prost_reflect_prints_them(source in source()) {
        for (name, route) in [
            ("kinds.v1.All", post("/v1/kinds")),
            ("old.v1.Whole", post("/v1/old")),
            ("kinds.v1.Free", post("/v1/free")),
            ("old.v1.Around", post("/v1/around")),
        ] {
            let bytes = encoded(name, &source, true);
            let message = DynamicMessage::decode(described(name), bytes.as_slice()).unwrap();
            let options = SerializeOptions::new().skip_default_fields(false);
            let theirs = message.serialize_with_options(serde_json::value::Serializer, &options);
            let ours = fuzz::dynamic_answer(&route, &bytes).unwrap();
            let ours: serde_json::Value = serde_json::from_slice(&ours.body).unwrap();
            prop_assert_eq!(without_sign_of_zero(ours), without_sign_of_zero(theirs.unwrap()));
        }
    }

    #[test]
    fn broken_answers_are_taken_for_what_they_are_or_not_at_all(
        source in source(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), 0..6, any::<u8>()), 1..6),
    ) {
        for (name, path) in [
            ("kinds.v1.All", "/v1/kinds"),
            ("kinds.v1.Free", "/v1/free"),
            ("old.v1.Whole", "/v1/old"),
            ("old.v1.Around", "/v1/around"),
        ] {
            let mut bytes = encoded(name, &source, true);
            for (at, other, how, byte) in &changes {
                let (at, other) = (at.index(bytes.len() + 1), other.index(bytes.len() + 1));
                change(&mut bytes, at, other, *how, *byte);
            }
            answer(&post(path), &bytes);
            if name == "kinds.v1.All" {
                answer(&put("/v1/inner/x"), &bytes);
                answer(&put("/v1/numbers"), &bytes);
            }
        }
    }

    #[test]
    fn bytes_of_anyone_are_too(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        for path in ["/v1/kinds", "/v1/free", "/v1/old", "/v1/around", "/v1/at", "/v1/nothing"] {
            answer(&post(path), &bytes);
        }
    }
}

/// prost-reflect loses the sign of a zero in a wrapper, and a float of 32 bits has other digits once it
/// is one of 64.
fn without_sign_of_zero(mut json: serde_json::Value) -> serde_json::Value {
    match &mut json {
        serde_json::Value::Array(items) => {
            for item in items {
                *item = without_sign_of_zero(item.take());
            }
        }
        serde_json::Value::Object(fields) => {
            for (_, field) in fields {
                *field = without_sign_of_zero(field.take());
            }
        }
        serde_json::Value::Number(number) if number.is_f64() => {
            let short = number
                .as_f64()
                .map(|number| number as f32)
                .filter(|number| number.is_finite());
            if let Some(short) = short {
                json = serde_json::json!(short + 0.0);
            }
        }
        _ => {}
    }
    json
}

fn change(bytes: &mut Vec<u8>, at: usize, other: usize, how: i32, byte: u8) {
    let (from, to) = (at.min(other), at.max(other));
    match how {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, byte),
        2 => drop(bytes.drain(from..to.min(from + 3))),
        3 => bytes.extend_from_within(from..to),
        4 => bytes.rotate_left(at),
        _ => {
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
        }
    }
}
