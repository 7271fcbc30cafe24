//! Methods that skip what they do not know, where that is the name of an enum.

use http::Method;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::json;
use transcode::{MethodPolicy, Options, Transcoder};

/// Source: the conformance tests of protobuf, `IgnoreUnknownEnumStringValue`.
#[test]
fn what_it_does_not_know_may_be_the_name_of_an_enum() {
    let odd = "syntax = \"proto3\"; package odd.v1;\n\
        import \"google/api/annotations.proto\"; import \"google/protobuf/field_mask.proto\";\n\
        service Odd {\n\
          rpc Get(M) returns (M) { option (google.api.http) = {get: \"/m\"}; }\n\
          rpc Post(M) returns (M) { option (google.api.http) = {post: \"/m\" body: \"*\"}; }\n\
          rpc Patch(P) returns (M) { option (google.api.http) = {patch: \"/m\" body: \"m\"}; }\n\
        }\n\
        enum E { A = 0; B = 1; }\n\
        message M { E one = 1; repeated E many = 2; map<string, E> map = 3; optional E maybe = 4; int32 n = 5; }\n\
        message P { M m = 1; google.protobuf.FieldMask mask = 2; }\n";
    let pool = crate::descriptors::pool(odd.to_owned(), vec![]);
    let policy = MethodPolicy {
        ignore_unknown_fields: true,
        ..MethodPolicy::default()
    };
    let of = |_: &MethodDescriptor| Some(policy.clone());
    let odd = Transcoder::new(&pool, &["odd.v1.Odd"], of, Options::default()).unwrap();
    let sent = |method, query, form: Option<&str>, body: &str| {
        let route = odd.find(&method, "/m").unwrap();
        let bytes = route.request(query, form, body.as_bytes()).unwrap();
        let message = DynamicMessage::decode(route.method().input(), bytes).unwrap();
        serde_json::to_value(message).unwrap()
    };
    let body = r#"{"one":"C","many":["B","C","B"],"map":{"x":"C","y":"B"},"maybe":"C","n":7}"#;
    let rest = json!({"many": ["B", "B"], "map": {"y": "B"}, "n": 7});
    assert_eq!(sent(Method::POST, None, None, body), rest);
    let query = "one=C&many=B&many=C&many=B&map[x]=C&map[y]=B&maybe=C&n=7";
    assert_eq!(sent(Method::GET, Some(query), None, ""), rest);
    // A number is no name, and every other value has to be right.
    assert_eq!(
        sent(Method::GET, Some("one=7"), None, ""),
        json!({"one": 7})
    );
    let route = odd.find(&Method::POST, "/m").unwrap();
    for wrong in [r#"{"one":true}"#, r#"{"n":"C"}"#, r#"{"many":"C"}"#] {
        assert!(
            route.request(None, None, wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
    // What was skipped is no change.
    for (form, body) in [
        (None, r#"{"one":"C","maybe":"B","n":7}"#),
        (
            Some("application/x-www-form-urlencoded"),
            "one=C&maybe=B&n=7",
        ),
    ] {
        let patch = sent(Method::PATCH, None, form, body);
        assert_eq!(
            patch,
            json!({"m": {"maybe": "B", "n": 7}, "mask": "maybe,n"})
        );
    }
}
