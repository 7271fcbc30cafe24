//! Whatever a client sends: an answer, of bounded size, without the value in it.

use proptest::prelude::*;
use validate::{CheckError, MAX_VIOLATIONS};

use crate::support::{message, validator};

const CONTRACT: &str = "message All {
    string a = 1 [(buf.validate.field).string = {email: true, max_len: 5, pattern: \"^[a-z]*$\"}];
    bytes b = 2 [(buf.validate.field).bytes = {min_len: 2, pattern: \"x\"}];
    repeated sint32 c = 3 [(buf.validate.field).repeated = {unique: true, items: {sint32: {gt: 0}}}];
    map<string, Inner> d = 4 [(buf.validate.field).map = {max_pairs: 2, keys: {string: {uuid: true}}}];
    google.protobuf.Timestamp e = 5 [(buf.validate.field).timestamp = {within: {seconds: 5}, lt: {seconds: 9}}];
    google.protobuf.Duration f = 6 [(buf.validate.field).duration = {gt: {seconds: 5}}];
    google.protobuf.FieldMask g = 7 [(buf.validate.field).field_mask = {in: [\"a\"]}];
    google.protobuf.Any h = 8 [(buf.validate.field).any = {in: [\"a\"]}];
    double i = 9 [(buf.validate.field).double = {gt: 1, lt: 0}];
    All j = 10;
}";

#[test]
fn a_million_bad_items_do_not_get_a_million_answers() {
    let (pool, validator) = validator(
        "message A { repeated string a = 1 [(buf.validate.field).repeated.items.string.len = 9]; map<int32, Inner> b = 2; }",
    );
    let items = vec!["\"\""; 1_000_000].join(",");
    let json = format!("{{\"a\": [{items}]}}");
    let violations = validator.check(&message(&pool, "t.A", &json)).unwrap_err();
    assert_eq!(violations.len(), MAX_VIOLATIONS);
    let pairs: Vec<String> = (0..1000).map(|key| format!("\"{key}\": {{}}")).collect();
    let json = format!("{{\"b\": {{{}}}}}", pairs.join(","));
    let violations = validator.check(&message(&pool, "t.A", &json)).unwrap_err();
    assert_eq!(violations.len(), MAX_VIOLATIONS);
    assert_eq!(violations[0].field, "b[0].name");
}

#[test]
fn a_huge_key_is_cut_where_it_is_shown() {
    let (pool, validator) = validator("message A { map<string, Inner> a = 1; }");
    let json = format!("{{\"a\": {{\"{}\": {{}}}}}}", "é".repeat(100_000));
    let violations = validator.check(&message(&pool, "t.A", &json)).unwrap_err();
    let expected = format!("a[\"{}\"…].name", "é".repeat(64));
    assert_eq!(violations[0].field, expected);
}

#[test]
fn the_ends_of_time_can_be_compared() {
    let (_, validator) = validator(CONTRACT);
    for (seconds, nanos) in [(i64::MIN, i32::MIN), (i64::MAX, i32::MAX)] {
        let time = prost_types::Timestamp { seconds, nanos };
        let mut bytes = Vec::new();
        prost::encoding::message::encode(5, &time, &mut bytes);
        let Err(CheckError::Invalid(violations)) = validator.check_bytes("t.All", &bytes) else {
            panic!("the end of time passed");
        };
        let mut rules = violations.iter().map(|found| found.rule_id.as_str());
        assert!(rules.any(|rule| rule == "timestamp.within"));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, validator) = validator_once();
        let _ = validator.check_bytes("t.All", &bytes);
    }

    #[test]
    fn no_message_has_its_values_repeated(secret in "[0-9]{12,30}") {
        let (pool, validator) = validator_once();
        let json = format!("{{\"a\": \"{secret}\", \"g\": \"{secret}\"}}");
        let violations = validator.check(&message(pool, "t.All", &json)).unwrap_err();
        for violation in violations {
            prop_assert!(!violation.to_string().contains(&secret), "{violation}");
        }
    }
}

fn validator_once() -> &'static (prost_reflect::DescriptorPool, validate::Validator) {
    static ONCE: std::sync::OnceLock<(prost_reflect::DescriptorPool, validate::Validator)> =
        std::sync::OnceLock::new();
    ONCE.get_or_init(|| validator(CONTRACT))
}
