//! Messages within messages, oneofs, and groups of fields.

use prost::Message as _;
use validate::{CheckError, Validator};

use crate::support::{broken, faults, message, pool, validator};

#[test]
fn messages_below_are_checked_with_their_path() {
    let (pool, validator) = validator(
        "message User { string email = 1 [(buf.validate.field).string.email = true]; }
         message Order { User user = 1; repeated Item items = 2; map<string, Item> by_name = 3; }
         message Item { string name = 1 [(buf.validate.field).string.max_len = 3]; }",
    );
    let order = message(
        &pool,
        "t.Order",
        r#"{"user": {"email": "a"}, "items": [{"name": "ok"}, {"name": "long"}], "byName": {"k": {"name": "long"}}}"#,
    );
    assert_eq!(
        broken(&validator, &order),
        [
            "by_name[\"k\"].name@string.max_len",
            "items[1].name@string.max_len",
            "user.email@string.email",
        ]
    );
}

#[test]
fn a_message_that_holds_itself_is_checked_all_the_way_down() {
    let (pool, validator) = validator(
        "message Node { int32 value = 1 [(buf.validate.field).int32.gte = 0]; Node next = 2; }
         message Chain { Chain next = 1; }",
    );
    let node = message(
        &pool,
        "t.Node",
        r#"{"next": {"value": -1, "next": {"value": -2}}}"#,
    );
    assert_eq!(
        broken(&validator, &node),
        ["next.next.value@int32.gte", "next.value@int32.gte"]
    );
    assert!(validator.has_rules("t.Node") && !validator.has_rules("t.Chain"));
}

#[test]
fn a_required_oneof_needs_a_field() {
    let (pool, validator) = validator(
        "message A { oneof which { option (buf.validate.oneof).required = true; string a = 1 [(buf.validate.field).string.min_len = 2]; int32 b = 2; } }",
    );
    let outcome = |json| broken(&validator, &message(&pool, "t.A", json));
    assert_eq!(outcome("{}"), ["which@required"]);
    assert_eq!(outcome(r#"{"b": 0}"#), [""; 0]);
    assert_eq!(outcome(r#"{"a": ""}"#), ["a@string.min_len"]);
}

#[test]
fn fields_of_a_group_exclude_each_other() {
    let (pool, validator) = validator(
        r#"message Some {
             option (buf.validate.message).oneof = {fields: ["a", "b", "c"]};
             string a = 1; int32 b = 2; repeated int32 c = 3;
           }
           message One {
             option (buf.validate.message).oneof = {fields: ["a", "b"], required: true};
             string a = 1 [(buf.validate.field).string.min_len = 3];
             string b = 2 [(buf.validate.field).string.min_len = 3];
           }"#,
    );
    let outcome = |name, json| broken(&validator, &message(&pool, name, json));
    assert_eq!(outcome("t.Some", "{}"), [""; 0]);
    assert_eq!(outcome("t.Some", r#"{"a": "x", "b": 0}"#), [""; 0]);
    assert_eq!(
        outcome("t.Some", r#"{"b": 1, "c": [0]}"#),
        ["message.oneof"]
    );
    assert_eq!(outcome("t.One", "{}"), ["message.oneof"]);
    assert_eq!(outcome("t.One", r#"{"a": "abc"}"#), [""; 0]);
    assert_eq!(outcome("t.One", r#"{"b": "a"}"#), ["b@string.min_len"]);
    assert_eq!(
        outcome("t.One", r#"{"a": "a", "b": "abc"}"#),
        ["a@string.min_len", "message.oneof"]
    );
}

#[test]
fn groups_that_make_no_sense_are_faults() {
    for group in [
        "{fields: [\"a\", \"x\"]}",
        "{fields: [\"a\", \"a\"]}",
        "{required: true}",
    ] {
        let source =
            format!("message A {{ option (buf.validate.message).oneof = {group}; string a = 1; }}");
        let faults = faults(&source);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].0, "t.A");
    }
}

#[test]
fn bytes_are_decoded_only_where_there_are_rules() {
    let pool = pool("message Free { Plain plain = 1; }");
    let validator = Validator::new(&pool).unwrap();
    assert_eq!(validator.check_bytes("t.Free", b"\xff\xff"), Ok(()));
    assert!(matches!(
        validator.check_bytes("t.Inner", b"\xff\xff"),
        Err(CheckError::Undecodable(_))
    ));
    assert_eq!(
        validator.check_bytes("t.Missing", b""),
        Err(CheckError::UnknownMessage("t.Missing".to_owned()))
    );
    let good = message(&pool, "t.Inner", r#"{"name": "a"}"#).encode_to_vec();
    assert_eq!(validator.check_bytes("t.Inner", &good), Ok(()));
    let Err(CheckError::Invalid(violations)) = validator.check_bytes("t.Inner", b"") else {
        panic!("an empty name passed");
    };
    assert_eq!(violations[0].field, "name");
    assert_eq!(violations[0].rule_id, "string.min_len");
    assert_eq!(violations[0].message, "must have at least 1 characters");
}

#[test]
fn a_message_that_was_not_compiled_does_not_pass() {
    let pool = pool("");
    let validator = Validator::for_messages(&pool, &["t.Inner"]).unwrap();
    let plain = message(&pool, "t.Plain", "{}");
    assert_eq!(broken(&validator, &plain), ["unknown_message"]);
    let Err(error) = Validator::for_messages(&pool, &["t.Missing"]) else {
        panic!("a message that is not there was compiled");
    };
    assert_eq!(error.faults[0].element, "t.Missing");
}
