//! Bodies into messages. Source: the ProtoJSON table, and google/api/http.proto on `body`.

use http::Method;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};
use transcode::RequestErrorKind;

use crate::support::{json as ask, pool, with_body};

fn create(body: &str) -> crate::support::Ask<'_> {
    ask(Method::POST, "/v1/everything", body)
}

#[test]
fn json_of_every_type_is_read() {
    for (body, expected) in [
        ("{}", json!({})),
        (
            r#"{"id":null,"numbers":null,"labels":null,"nested":null}"#,
            json!({}),
        ),
        (r#"{"snake_case_name":"a"}"#, json!({"snakeCaseName": "a"})),
        (
            r#"{"i32":"-7","i64":7,"u32":7.0,"u64":"7"}"#,
            json!({"i32": -7, "i64": "7", "u32": 7, "u64": "7"}),
        ),
        (r#"{"i32":1e2}"#, json!({"i32": 100})),
        (
            r#"{"i32":"1e2","i64":"-7.0","u64":"2E1"}"#,
            json!({"i32": 100, "i64": "-7", "u64": "20"}),
        ),
        (r#"{"f64":"1.5","f32":3}"#, json!({"f64": 1.5, "f32": 3.0})),
        (r#"{"f64":"NaN"}"#, json!({"f64": "NaN"})),
        (
            r#"{"data":"-_8","kind":1}"#,
            json!({"data": "+/8=", "kind": "KIND_NOVEL"}),
        ),
        (r#"{"kind":99}"#, json!({"kind": 99})),
        (r#"{"maybe":""}"#, json!({"maybe": ""})),
        (
            r#"{"authors":[{"born":1},{}]}"#,
            json!({"authors": [{"born": 1}, {}]}),
        ),
        (
            r#"{"byNumber":{"-1":{"born":2}}}"#,
            json!({"byNumber": {"-1": {"born": 2}}}),
        ),
        (
            r#"{"nested":{"nested":{"flag":true}}}"#,
            json!({"nested": {"nested": {"flag": true}}}),
        ),
        (
            r#"{"at":"2026-01-31T13:00:00+01:00"}"#,
            json!({"at": "2026-01-31T12:00:00Z"}),
        ),
        (
            r#"{"lasts":"-0.5s","mask":"a.b,cD"}"#,
            json!({"lasts": "-0.500s", "mask": "a.b,cD"}),
        ),
        (
            r#"{"wrappedText":"","wrappedNumber":"5","wrappedData":null}"#,
            json!({"wrappedText": "", "wrappedNumber": "5"}),
        ),
        (
            r#"{"free":{"a":[1,null,{"b":"c"}]}}"#,
            json!({"free": {"a": [1.0, null, {"b": "c"}]}}),
        ),
        (r#"{"anyJson":null}"#, json!({"anyJson": null})),
        (r#"{"list":[1,null]}"#, json!({"list": [1.0, null]})),
        (
            r#"{"any":{"born":3,"@type":"type.googleapis.com/library.v1.Author"}}"#,
            json!({"any": {"@type": "type.googleapis.com/library.v1.Author", "born": 3}}),
        ),
        (r#"{"nothing":{}}"#, json!({"nothing": {}})),
        (r#"{"left":null,"right":0}"#, json!({"right": 0})),
        (" \n{ \"id\" : \"\\u00e9\" } ", json!({"id": "é"})),
    ] {
        assert_eq!(create(body).message(), expected, "{body}");
    }
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (body, field, says) in [
        (r#"{"nowhere":1}"#, "nowhere", "no such field"),
        (
            r#"{"authors":[{},{"born":"x"}]}"#,
            "authors[1].born",
            "whole number of 32 bits",
        ),
        (
            r#"{"nested":{"nested":{"nowhere":1}}}"#,
            "nested.nested.nowhere",
            "no such field",
        ),
        (r#"{"id":1}"#, "id", "expected a string"),
        (r#"{"flag":"true"}"#, "flag", "true or false"),
        (r#"{"i32":2147483648}"#, "i32", "32 bits"),
        (r#"{"i32":1.5}"#, "i32", "whole number"),
        (r#"{"i32":true}"#, "i32", "whole number"),
        (r#"{"i64":1e30}"#, "i64", "64 bits"),
        // As floats they are other numbers.
        (r#"{"i64":-9223372036854775809}"#, "i64", "64 bits"),
        (r#"{"u64":18446744073709551616}"#, "u64", "64 bits"),
        (r#"{"i64":9007199254740993.0}"#, "i64", "64 bits"),
        (r#"{"u64":-1}"#, "u64", "not negative"),
        (r#"{"f32":1e39}"#, "f32", "fits in 32 bits"),
        (r#"{"data":"*"}"#, "data", "base64"),
        (r#"{"kind":"KIND_OTHER"}"#, "kind", "enum's names"),
        (r#"{"numbers":1}"#, "numbers", "an array"),
        (r#"{"numbers":[1,null]}"#, "numbers[1]", "null"),
        (r#"{"numbers":[[1]]}"#, "numbers[0]", "whole number"),
        (r#"{"labels":[]}"#, "labels", "an object"),
        (r#"{"labels":{"a":null}}"#, "labels[a]", "null"),
        (
            r#"{"byNumber":{"x":{}}}"#,
            "byNumber[x]",
            "the key: expected a whole number",
        ),
        (r#"{"nested":[]}"#, "nested", "an object"),
        (r#"{"left":"a","right":1}"#, "right", "oneof `choice`"),
        (
            r#"{"snakeCaseName":"a","snake_case_name":"a"}"#,
            "snake_case_name",
            "twice",
        ),
        (r#"{"id":"a","id":"b"}"#, "id", "twice"),
        (r#"{"labels":{"a":"1","a":"2"}}"#, "labels.a", "twice"),
        (r#"{"free":{"a":1,"a":2}}"#, "free.a", "twice"),
        (r#"{"id":"a\u0000"}"#, "id", "NUL"),
        (r#"{"free":{"x":["\u0000"]}}"#, "free.x[0]", "NUL"),
        (r#"{"at":"2026-13-31T12:00:00Z"}"#, "at", "RFC 3339"),
        (r#"{"at":5}"#, "at", "RFC 3339"),
        (r#"{"lasts":"1"}"#, "lasts", "duration"),
        (r#"{"wrappedNumber":"x"}"#, "wrappedNumber", "whole number"),
        (r#"{"any":{"born":3}}"#, "any", "@type"),
        (
            r#"{"any":{"@type":"x/library.v1.Everything","i32":"x"}}"#,
            "any.i32",
            "whole number",
        ),
        (
            r#"{"any":{"@type":"x/library.v1.Everything","snakeCaseName":"a","snake_case_name":"b"}}"#,
            "any.snake_case_name",
            "twice",
        ),
        (
            r#"{"any":{"@type":"x/library.v1.Everything","any":{"@type":"x/library.v1.Author","x":1}}}"#,
            "any.any.x",
            "no such field",
        ),
        (
            r#"{"any":{"@type":"type.googleapis.com/no.Such"}}"#,
            "any",
            "@type",
        ),
        (r#"{"nothing":{"a":1}}"#, "nothing", "empty object"),
        (r#"{"free":[]}"#, "free", "an object"),
    ] {
        let error = create(body).error();
        assert_eq!(error.kind, RequestErrorKind::InvalidArgument);
        create(body).refused(field, says);
    }
}

#[test]
fn a_body_that_is_no_object_is_refused_as_a_whole() {
    for body in ["[]", "1", "\"x\"", "null", "true"] {
        let error = create(body).error();
        assert_eq!(error.message, "the body: expected an object", "{body}");
        assert!(error.violations.is_empty());
    }
}

#[test]
fn an_absent_body_is_an_empty_message() {
    assert_eq!(create("").message(), json!({}));
    let ask = with_body(Method::POST, "/v1/everything", Some("text/plain"), b"");
    assert_eq!(ask.message(), json!({}));
}

#[test]
fn content_types_are_json_or_a_form() {
    for (content_type, accepted) in [
        (None, true),
        (Some("application/json"), true),
        (Some("Application/JSON ; Charset=\"UTF-8\""), true),
        (Some("application/merge-patch+json"), true),
        (Some("application/json; charset=latin1"), false),
        (Some("text/plain"), false),
        (Some("text/json"), false),
        (Some("application/jsonp"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (Some(""), false),
    ] {
        let result = with_body(Method::POST, "/v1/everything", content_type, b"{}").try_message();
        match result {
            Ok(_) => assert!(accepted, "{content_type:?}"),
            Err(error) => {
                assert!(!accepted, "{content_type:?}: {error}");
                assert_eq!(error.kind, RequestErrorKind::UnsupportedMediaType);
            }
        }
    }
}

#[test]
fn a_form_is_read_like_a_query() {
    let form = Some("application/x-www-form-urlencoded");
    let ask = with_body(
        Method::POST,
        "/v1/everything",
        form,
        b"id=a+b&nested.i32=1&numbers=1&numbers=2",
    );
    assert_eq!(
        ask.message(),
        json!({"id": "a b", "nested": {"i32": 1}, "numbers": [1, 2]})
    );
    with_body(Method::POST, "/v1/everything", form, b"nowhere=1")
        .refused("nowhere", "no such field");
    let json = with_body(Method::POST, "/v1/everything", form, br#"{"id":"x"}"#).error();
    assert!(json.message.contains("looks like JSON"), "{json}");
    let list = with_body(Method::PUT, "/v1/tags", form, b"tags=1").error();
    assert_eq!(list.kind, RequestErrorKind::UnsupportedMediaType);
}

#[test]
fn a_route_without_a_body_does_not_read_one() {
    let ask = with_body(Method::GET, "/v1/books/7", Some("text/plain"), b"\xff");
    assert_eq!(ask.message(), json!({"id": "7"}));
}

#[test]
fn a_body_can_be_one_field() {
    let ask = ask(Method::PUT, "/v1/tags", r#"["a","b"]"#);
    assert_eq!(ask.message(), json!({"tags": ["a", "b"]}));
    let wrong = crate::support::json(Method::PUT, "/v1/tags", r#"["a",1]"#).error();
    assert_eq!(wrong.violations[0].field, "tags[1]");
}

#[test]
fn faults_in_a_body_that_is_one_field_have_its_name() {
    let patch = |body| ask(Method::PATCH, "/v1/shelves/a/books/b", body);
    patch(r#"{"nowhere":1}"#).refused("book.nowhere", "no such field");
    patch(r#"{"title":"a","title":"b"}"#).refused("book.title", "twice");
    patch(r#"{"author":{"born":"x"}}"#).refused("book.author.born", "whole number");
    patch("[]").refused("book", "expected an object");
}

#[test]
fn raw_bodies_pass_as_they_are() {
    let ask = with_body(
        Method::POST,
        "/v1/uploads/7?note=n",
        Some("image/png"),
        b"\x00\xff",
    );
    assert_eq!(
        ask.message(),
        json!({"id": "7", "note": "n", "content": {"contentType": "image/png", "data": "AP8="}})
    );
    let ask = with_body(Method::POST, "/v1/echo", None, b"{");
    assert_eq!(ask.message(), json!({"data": "ew=="}));
}

/// Source: `google/protobuf/field_mask.proto`, and AIP-134 on partial updates.
#[test]
fn a_patch_without_a_mask_means_the_fields_of_its_body() {
    let patch = |query, body| {
        let target = format!("/v1/shelves/a/books/b{query}");
        ask(Method::PATCH, &target, body).message()["updateMask"].clone()
    };
    let sorted = |mask: Json| {
        let mut paths: Vec<_> = mask
            .as_str()
            .unwrap()
            .split(',')
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths
    };
    let body = r#"{"title":"T","author":{"fullName":"A"},"tags":[],"printedAt":null}"#;
    assert_eq!(
        sorted(patch("", body)),
        ["author.fullName", "printedAt", "tags", "title"]
    );
    assert_eq!(patch("", r#"{"author":{}}"#), json!("author"));
    assert_eq!(patch("?updateMask=tags", body), json!("tags"));
    assert_eq!(patch("", ""), Json::Null);
}

#[test]
fn a_patch_by_a_form_means_the_keys_of_the_form() {
    let patch = |query: &str, form: &str| {
        let target = format!("/v1/shelves/a/books/b{query}");
        let form_type = Some("application/x-www-form-urlencoded");
        with_body(Method::PATCH, &target, form_type, form.as_bytes()).message()
    };
    let form = "title=&author.fullName=A&tags=x&tags=y&printed_at=2026-01-31T12:00:00Z";
    let message = patch("", form);
    assert_eq!(
        message["updateMask"],
        "title,author.fullName,tags,printedAt"
    );
    assert_eq!(message["book"]["tags"], json!(["x", "y"]));
    // A well-known type is one value, whichever way it is written.
    let message = patch("", "printedAt.seconds=1&printedAt.nanos=2");
    assert_eq!(message["updateMask"], "printedAt");
    assert_eq!(patch("?updateMask=tags", form)["updateMask"], "tags");
    assert_eq!(patch("", "&")["updateMask"], "");
}

/// JSON whose meaning prost-reflect and this crate must agree on.
fn tree() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-300_i32..300).prop_map(Json::from),
        any::<f64>().prop_map(|float| json!(float)),
        "[a-zA-Z0-9.:+/_-]{0,8}".prop_map(Json::from),
        Just(json!("KIND_NOVEL")),
        Just(json!("2026-01-31T12:00:00Z")),
        Just(json!("1.5s")),
    ];
    let names = [
        "id",
        "i32",
        "i64",
        "u32",
        "u64",
        "f32",
        "f64",
        "flag",
        "data",
        "kind",
        "maybe",
        "numbers",
        "authors",
        "labels",
        "byNumber",
        "nested",
        "left",
        "at",
        "lasts",
        "wrappedText",
        "wrappedNumber",
        "free",
        "anyJson",
        "nothing",
        "kinds",
        "byFlag",
        "list",
        "born",
        "1",
        "fullName",
        "true",
    ];
    scalar.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::hash_map(prop::sample::select(names.to_vec()), inner, 0..4).prop_map(
                |entries| entries
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect()
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// The standard library's parser is the oracle.
    #[test]
    fn floats_are_read_to_the_last_bit(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        for body in [format!(r#"{{"f64":{float:e}}}"#), format!(r#"{{"anyJson":{float:e}}}"#)] {
            let message = create(&body).try_message().unwrap();
            let field = message.fields().next();
            let value = field.map_or(0.0, |(_, value)| match value.as_message() {
                Some(inner) => inner.get_field_by_name("number_value").unwrap().as_f64().unwrap(),
                None => value.as_f64().unwrap(),
            });
            prop_assert_eq!(value, float, "{}", body);
        }
    }

    /// prost-reflect is the oracle: what this crate accepts it accepts too, with the same message.
    #[test]
    fn accepted_json_means_what_prost_reflect_reads(tree in tree()) {
        let body = tree.to_string();
        if let Ok(message) = create(&body).try_message() {
            let desc = pool().get_message_by_name("library.v1.Everything").unwrap();
            let json = &mut serde_json::Deserializer::from_str(&body);
            let oracle = DynamicMessage::deserialize(desc.clone(), json).unwrap();
            let oracle = DynamicMessage::decode(desc, oracle.encode_to_vec().as_slice()).unwrap();
            // Not `prop_assert_eq`: printing a recursive descriptor never ends.
            prop_assert!(message == oracle, "{}", body);
        }
    }
}
