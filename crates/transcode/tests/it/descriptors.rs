//! Contracts that a pool accepts and nobody expects: they are served or refused, nothing panics.

use http::Method;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};
use serde_json::{Value as Json, json};
use transcode::{BuildError, Options, Transcoder, openapi};

use crate::support::ok;

/// Files by name, as text.
struct Sources(Vec<(&'static str, String)>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let found = self.0.iter().find(|(own, _)| *own == name);
        let (_, text) = found.ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

/// Compiles `odd.proto`, which imports what it needs, with other files in place of the usual ones.
pub(crate) fn pool(odd: String, others: Vec<(&'static str, String)>) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Sources([vec![("odd.proto", odd)], others].concat()));
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    resolver.add(IncludeFileResolver::new(contracts.into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file("odd.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// A service with `GET /m` and `POST /m` for a message `M` that `messages` define.
fn odd(syntax: &str, imports: &str, messages: &str) -> String {
    format!(
        "syntax = \"{syntax}\"; package odd.v1;\n\
         import \"google/api/annotations.proto\"; {imports}\n\
         service Odd {{\n\
           rpc Get(M) returns (M) {{ option (google.api.http) = {{get: \"/m\"}}; }}\n\
           rpc Post(M) returns (M) {{ option (google.api.http) = {{post: \"/m\" body: \"*\"}}; }}\n\
         }}\n{messages}"
    )
}

fn build(pool: &DescriptorPool) -> Result<Transcoder, BuildError> {
    Transcoder::new(pool, &["odd.v1.Odd"], ok, Options::default())
}

fn post(odd: &Transcoder, body: &str) -> Result<DynamicMessage, transcode::RequestError> {
    let route = odd.find(&Method::POST, "/m").unwrap();
    let bytes = route.request(None, None, body.as_bytes())?;
    Ok(DynamicMessage::decode(route.method().input(), bytes).unwrap())
}

fn printed(odd: &Transcoder, message: &[u8]) -> Json {
    let route = odd.find(&Method::POST, "/m").unwrap();
    serde_json::from_slice(&route.response(message).unwrap().body).unwrap()
}

fn documented(odd: &Transcoder) -> Json {
    odd.openapi(&openapi::Info::default())
}

#[test]
fn proto2_with_groups_and_required_fields_is_served() {
    let messages = "\
        message M {\n\
          required string id = 1;\n\
          optional group Inner = 2 { required int32 a = 1; repeated group Deep = 2 { optional M m = 1; } }\n\
          optional E e = 3 [default = E_B];\n\
          oneof one { group Left = 4 { optional string l = 1; } M right = 5; }\n\
          repeated int32 many = 6;\n\
          optional int64 number = 7 [default = -5];\n\
          optional double nan = 8 [default = nan];\n\
          extensions 100 to max;\n\
        }\n\
        extend M { optional M more = 100; repeated string words = 101; }\n\
        enum E { E_A = -1; E_B = 7; }\n";
    let pool = pool(odd("proto2", "", messages), vec![]);
    let odd = build(&pool).unwrap();
    let body = json!({
        "id": "x",
        "inner": {"a": 1, "deep": [{"m": {"id": "y"}}, {}]},
        "left": {"l": "z"},
        "many": [1, 2],
        "e": "E_A",
    });
    let message = post(&odd, &body.to_string()).unwrap();
    let again = printed(&odd, &message.encode_to_vec());
    for key in ["id", "left", "many", "e"] {
        assert_eq!(again[key], body[key], "{key}");
    }
    assert_eq!(again["inner"]["deep"][0]["m"]["id"], "y");
    // A missing required field is the server's to refuse.
    assert!(post(&odd, "{}").is_ok());
    // An enum of proto2 is closed.
    assert!(post(&odd, r#"{"e":0}"#).is_err());
    // The key of an extension is its full name, and only of one of this message.
    for wrong in [
        r#"{"[odd.v1.none]":{}}"#,
        r#"{"odd.v1.more":{}}"#,
        r#"{"[more]":{}}"#,
        r#"{"[odd.v1.words]":"w"}"#,
    ] {
        assert!(post(&odd, wrong).is_err(), "{wrong}");
    }
    assert!(
        post(&odd, r#"{"[odd.v1.more]":null,"[odd.v1.words]":null}"#)
            .unwrap()
            .encode_to_vec()
            .is_empty()
    );
    let body = json!({"[odd.v1.more]": {"id": "y", "[odd.v1.words]": ["a", "b"]}});
    let again = printed(
        &odd,
        &post(&odd, &body.to_string()).unwrap().encode_to_vec(),
    );
    assert_eq!(again["[odd.v1.more]"]["id"], "y");
    assert_eq!(again["[odd.v1.more]"]["[odd.v1.words]"], json!(["a", "b"]));
    // Extension 100 with an M in it, which has an extension 101.
    let message = b"\xa2\x06\x04\xaa\x06\x01w";
    let extended = printed(&odd, message);
    assert_eq!(extended["[odd.v1.more]"]["[odd.v1.words]"], json!(["w"]));
    let route = odd.find(&Method::GET, "/m").unwrap();
    let query = "inner.a=1&right.right.right.left.l=a&e=7&number=1&many=1&nan=NaN";
    assert!(route.request(Some(query), None, b"").is_ok());
    let query = "left.l=1&right.id=1";
    assert!(route.request(Some(query), None, b"").is_err());
    assert!(documented(&odd)["components"]["schemas"]["M"].is_object());
}

#[test]
fn an_enum_without_values_is_refused_by_the_pool() {
    // A file `a.proto` with an enum `E`.
    let set: &[u8] = b"\x0a\x0e\x0a\x07a.proto\x2a\x03\x0a\x01E";
    assert!(DescriptorPool::decode(set).is_err());
}

/// A set with a file of editions is to be refused before it is decoded: prost-reflect panics where it
/// should say that it does not know the syntax. When this test fails, it does say so.
#[test]
#[should_panic(expected = "index out of bounds")]
fn editions_are_not_for_the_pool() {
    // A file `a.proto` with the syntax `editions`.
    let set: &[u8] = b"\x0a\x13\x0a\x07a.proto\x62\x08editions";
    let _ = DescriptorPool::decode(set);
}

#[test]
fn well_known_types_of_other_fields_are_faults() {
    for (file, messages, name) in [
        (
            "google/protobuf/wrappers.proto",
            "message StringValue { StringValue value = 1; }",
            "google.protobuf.StringValue",
        ),
        (
            "google/protobuf/wrappers.proto",
            "message StringValue { repeated string value = 1; }",
            "google.protobuf.StringValue",
        ),
        (
            "google/protobuf/field_mask.proto",
            "message FieldMask { repeated int32 paths = 1; }",
            "google.protobuf.FieldMask",
        ),
        (
            "google/protobuf/timestamp.proto",
            "message Timestamp { string seconds = 1; int32 nanos = 2; }",
            "google.protobuf.Timestamp",
        ),
        (
            "google/protobuf/duration.proto",
            "message Duration { int64 seconds = 1; }",
            "google.protobuf.Duration",
        ),
        (
            "google/protobuf/any.proto",
            "message Any { string type_url = 1; Any value = 2; }",
            "google.protobuf.Any",
        ),
        (
            "google/protobuf/struct.proto",
            "message Struct { map<string, string> fields = 1; }",
            "google.protobuf.Struct",
        ),
    ] {
        let imports = format!("import \"{file}\";");
        let message = format!("message M {{ {name} field = 1; }}");
        let source = format!("syntax = \"proto3\"; package google.protobuf; {messages}");
        let pool = pool(odd("proto3", &imports, &message), vec![(file, source)]);
        let error = build(&pool).unwrap_err();
        assert_eq!(error.faults[0].subject, name, "{messages}");
        assert!(error.to_string().contains("not those"), "{error}");
    }
}

#[test]
fn the_well_known_types_themselves_are_no_fault() {
    let names = [
        "any",
        "duration",
        "empty",
        "field_mask",
        "struct",
        "timestamp",
        "wrappers",
    ];
    let imports = names.map(|name| format!("import \"google/protobuf/{name}.proto\";"));
    let pool = pool(odd("proto3", &imports.concat(), "message M {}"), vec![]);
    assert_eq!(
        build(&pool)
            .unwrap_or_else(|error| panic!("{error}"))
            .allowed("/x"),
        None
    );
}

#[test]
fn an_annotation_of_another_type_is_a_fault() {
    for (extension, reason) in [
        ("string http = 72295728;", "not a message"),
        ("odd.v1.Rule http = 72295728;", "names no HTTP method"),
    ] {
        let annotations = format!(
            "syntax = \"proto3\"; package google.api; import \"google/protobuf/descriptor.proto\";\n\
             import \"rule.proto\"; extend google.protobuf.MethodOptions {{ {extension} }}"
        );
        let rule = "syntax = \"proto3\"; package odd.v1; message Rule { bytes get = 2; }";
        let value = if extension.starts_with("string") {
            "\"/m\""
        } else {
            "{get: \"/m\"}"
        };
        let source = format!(
            "syntax = \"proto3\"; package odd.v1; import \"google/api/annotations.proto\";\n\
             message M {{}} service Odd {{\n\
             rpc Get(M) returns (M) {{ option (google.api.http) = {value}; }} }}"
        );
        let others = vec![
            ("google/api/annotations.proto", annotations),
            ("rule.proto", rule.to_owned()),
        ];
        let Err(error) = build(&pool(source, others)) else {
            // Bytes in place of text are no template, or an empty one.
            panic!("{extension} is no rule");
        };
        let told = error.to_string();
        assert!(
            told.contains(reason) || told.contains("must start"),
            "{told}"
        );
    }
}

#[test]
fn a_raw_body_of_other_fields_is_passed_without_them() {
    let httpbody = "syntax = \"proto3\"; package google.api; message HttpBody { int32 data = 2; }";
    let imports = "import \"google/api/httpbody.proto\";";
    let messages = "message M { google.api.HttpBody body = 1; }";
    let source = odd("proto3", imports, messages).replace("body: \"*\"", "body: \"body\"");
    let others = vec![("google/api/httpbody.proto", httpbody.to_owned())];
    let odd = build(&pool(source, others)).unwrap();
    assert!(post(&odd, "raw").is_ok());
    assert_eq!(printed(&odd, b"\x0a\x02\x10\x07")["body"]["data"], 7);
}

/// Twelve messages, each of which holds all of them, in lists and maps and oneofs too.
fn tangled() -> DescriptorPool {
    let names: Vec<_> = (0..12).map(|index| format!("M{index}")).collect();
    let mut messages = "message M { M0 m = 1; }\n".to_owned();
    for name in &names {
        let fields = names.iter().enumerate().map(|(index, other)| {
            let [single, list, map, one] = [1, 101, 201, 301].map(|first| first + index);
            format!(
                "{other} a{single} = {single}; repeated {other} a{list} = {list};\
                 map<string, {other}> a{map} = {map}; oneof o{one} {{ {other} a{one} = {one}; }}"
            )
        });
        messages += &format!("message {name} {{ {} }}\n", fields.collect::<String>());
    }
    pool(odd("proto3", "", &messages), vec![])
}

#[test]
fn examples_of_messages_that_hold_each_other_are_small() {
    let odd = build(&tangled()).unwrap();
    let document = documented(&odd);
    let content = "/paths/~1m/post/requestBody/content/application~1json/example";
    let example = document.pointer(content).unwrap();
    fn objects(json: &Json) -> usize {
        match json {
            Json::Object(fields) => 1 + fields.values().map(objects).sum::<usize>(),
            Json::Array(items) => items.iter().map(objects).sum(),
            _ => 0,
        }
    }
    assert!(
        (100..1_000).contains(&objects(example)),
        "{}",
        objects(example)
    );
    // And what it shows is a request.
    assert!(post(&odd, &example.to_string()).is_ok());
}

/// An `Any` in an `Any`, so many deep, as the field of an M.
fn nested_any(levels: usize) -> Vec<u8> {
    const URL: &str = "type.googleapis.com/google.protobuf.Any";
    let mut bytes = Vec::new();
    for _ in 0..levels {
        let mut outer = Vec::with_capacity(bytes.len() + 64);
        prost::encoding::string::encode(1, &URL.to_owned(), &mut outer);
        prost::encoding::bytes::encode(2, &bytes, &mut outer);
        bytes = outer;
    }
    let mut message = Vec::new();
    prost::encoding::bytes::encode(1, &bytes, &mut message);
    message
}

#[test]
fn any_in_any_is_printed_only_so_deep() {
    let imports = "import \"google/protobuf/any.proto\";";
    let messages = "message M { google.protobuf.Any any = 1; repeated M many = 2; }";
    let pool = pool(odd("proto3", imports, messages), vec![]);
    let odd = build(&pool).unwrap();
    // The innermost is empty, so it has no type that could be printed.
    let route = odd.find(&Method::POST, "/m").unwrap();
    let deep = route.response(&nested_any(20_000)).unwrap_err();
    assert!(deep.to_string().contains("nested too deeply"), "{deep}");
    let mut stream = route.stream(transcode::StreamForm::Ndjson);
    assert!(stream.message(&nested_any(20_000)).is_err());
    // What a request can hold can be answered.
    let mut body = json!({"@type": "type.googleapis.com/odd.v1.M"});
    for _ in 0..90 {
        body = json!({"@type": "type.googleapis.com/google.protobuf.Any", "value": body});
    }
    let body = json!({"any": body, "many": []});
    let message = post(&odd, &body.to_string()).unwrap();
    let printed = printed(&odd, &message.encode_to_vec());
    assert!(printed.to_string().contains("odd.v1.M"));

    // The same as a detail of an error is left out; others stay.
    let details = |any: &[u8]| {
        let mut status = Vec::new();
        prost::encoding::bytes::encode(3, &any.to_vec(), &mut status);
        let body = transcode::error_body(&pool, 3, "m", &status);
        let body: Json = serde_json::from_slice(&body).unwrap();
        body["details"].as_array().unwrap().len()
    };
    let mut any = Vec::new();
    prost::encoding::string::encode(1, &"x/odd.v1.M".to_owned(), &mut any);
    assert_eq!(details(&any), 1);
    prost::encoding::bytes::encode(2, &nested_any(20_000), &mut any);
    assert_eq!(details(&any), 0);
}

#[test]
fn what_can_be_decoded_is_not_too_deep_to_be_printed() {
    let messages = "message M { M m = 1; }";
    let odd = build(&pool(odd("proto3", "", messages), vec![])).unwrap();
    let route = odd.find(&Method::POST, "/m").unwrap();
    let (mut bytes, mut deepest) = (Vec::new(), 0);
    for levels in 1..110 {
        let mut outer = Vec::new();
        prost::encoding::bytes::encode(1, &bytes, &mut outer);
        bytes = outer;
        let decoded = DynamicMessage::decode(route.method().output(), bytes.as_slice());
        assert_eq!(route.response(&bytes).is_ok(), decoded.is_ok(), "{levels}");
        if decoded.is_ok() {
            deepest = levels;
        }
    }
    assert!((90..109).contains(&deepest), "{deepest}");
}
