//! What a contract must not ask for.

use validate::Validator;

use crate::support::{faults, pool, pool_of};

#[test]
fn cel_is_refused_wherever_it_stands() {
    let faults = faults(
        r#"message A {
             option (buf.validate.message).cel = {id: "a", expression: "true"};
             option (buf.validate.message).cel_expression = "true";
             string a = 1 [(buf.validate.field).cel = {id: "a", expression: "true"}];
             string b = 2 [(buf.validate.field).cel_expression = "true"];
             repeated string c = 3 [(buf.validate.field).repeated.items.cel = {id: "a", expression: "true"}];
             map<string, string> d = 4 [(buf.validate.field).map.keys.cel_expression = "true"];
           }"#,
    );
    let elements: Vec<&str> = faults.iter().map(|fault| fault.0.as_str()).collect();
    assert_eq!(elements, ["t.A", "t.A", "t.A.a", "t.A.b", "t.A.c", "t.A.d"]);
    assert!(faults.iter().all(|fault| fault.1.contains("CEL")));
}

#[test]
fn predefined_rules_are_refused_where_they_are_used() {
    let source = r#"
        syntax = "proto2";
        package t;
        import "buf/validate/validate.proto";
        extend buf.validate.StringRules {
          optional bool shout = 1161 [(buf.validate.predefined).cel = {id: "shout", expression: "true"}];
        }
        message A { optional string a = 1 [(buf.validate.field).string.(shout) = true]; }
        message B { optional string b = 1; }
    "#;
    let rules = include_str!("../../../../proto/buf/validate/validate.proto");
    let pool = pool_of(source, rules);
    let error = Validator::new(&pool).unwrap_err();
    assert_eq!(error.faults.len(), 1, "{error}");
    assert_eq!(error.faults[0].element, "t.A.a");
    assert!(
        error.faults[0].problem.contains("string.(t.shout)"),
        "{error}"
    );
    Validator::for_messages(&pool, &["t.B"]).unwrap();
}

#[test]
fn a_rule_of_a_later_contract_is_refused() {
    let source = r#"
        syntax = "proto3";
        package t;
        import "buf/validate/validate.proto";
        message A { string a = 1 [(buf.validate.field).string.rhymes = true]; }
    "#;
    let rules = r#"
        syntax = "proto2";
        package buf.validate;
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.FieldOptions { optional FieldRules field = 1159; }
        message FieldRules { oneof type { StringRules string = 14; } }
        message StringRules { optional bool rhymes = 99; }
    "#;
    let error = Validator::new(&pool_of(source, rules)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the contracts have validation rules that cannot be used:\
         \n  t.A.a: the rule `string.rhymes` is not supported"
    );
}

#[test]
fn rules_without_their_contract_are_refused() {
    let source = r#"
        syntax = "proto2";
        package t;
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.FieldOptions { optional bytes elsewhere = 1159; }
        message A { optional string a = 1 [(elsewhere) = "x"]; }
    "#;
    // The extension is known by another name than the rules have.
    let error = Validator::new(&pool_of(source, "")).unwrap_err();
    assert_eq!(error.faults[0].element, "t.A.a");
}

#[test]
fn rules_of_extension_fields_are_refused() {
    let source = r#"
        syntax = "proto2";
        package t;
        import "buf/validate/validate.proto";
        message A { extensions 100 to 200; }
        extend A { optional string late = 100 [(buf.validate.field).string.min_len = 1]; }
    "#;
    let rules = include_str!("../../../../proto/buf/validate/validate.proto");
    let error = Validator::new(&pool_of(source, rules)).unwrap_err();
    assert_eq!(error.faults[0].element, "t.late");
}

#[test]
fn all_faults_are_reported_at_once() {
    let faults = faults(
        r#"message A { string a = 1 [(buf.validate.field).string = {pattern: "(", min_len: 2, max_len: 1}]; }
           message B { string b = 1 [(buf.validate.field).int32.gt = 1]; }"#,
    );
    let elements: Vec<&str> = faults.iter().map(|fault| fault.0.as_str()).collect();
    assert_eq!(elements, ["t.A.a", "t.A.a", "t.B.b"]);
}

#[test]
fn examples_are_no_rules() {
    let pool = pool(
        r#"message A {
             string a = 1 [(buf.validate.field).string.example = "x"];
             int32 b = 2 [(buf.validate.field).int32.example = 3];
           }"#,
    );
    Validator::new(&pool).unwrap();
}
