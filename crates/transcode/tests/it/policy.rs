//! What a contract says of a method beyond `google.api.http`: leniency, where creations are found, how
//! streams of events are taken up again.

use http::{Method, StatusCode};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::{Value as Json, json};
use transcode::{
    Cursor, MethodPolicy, Options, RequestError, Security, StreamForm, Transcoder, openapi,
};

use crate::responses::encode;
use crate::support::{LIBRARY, pool};

/// The library, where one method has this policy and the others have none.
fn library(name: &'static str, policy: MethodPolicy) -> Result<Transcoder, Vec<String>> {
    let of = move |method: &MethodDescriptor| {
        Some(if method.name() == name {
            policy.clone()
        } else {
            MethodPolicy::default()
        })
    };
    Transcoder::new(pool(), &[LIBRARY], of, Options::default())
        .map_err(|error| error.faults.iter().map(ToString::to_string).collect())
}

fn lenient(name: &'static str) -> Transcoder {
    let policy = MethodPolicy {
        ignore_unknown_fields: true,
        ..MethodPolicy::default()
    };
    library(name, policy).unwrap()
}

fn created(location: &str) -> MethodPolicy {
    MethodPolicy {
        success_status: StatusCode::CREATED,
        location: Some(location.to_owned()),
        ..MethodPolicy::default()
    }
}

fn resumable(response_field: &str, request_field: &str) -> MethodPolicy {
    MethodPolicy {
        cursor: Some(Cursor {
            response_field: response_field.to_owned(),
            request_field: request_field.to_owned(),
        }),
        ..MethodPolicy::default()
    }
}

fn document(library: &Transcoder) -> Json {
    library.openapi(&openapi::Info::default())
}

#[test]
fn a_method_may_skip_what_it_does_not_know() {
    let library = lenient("Create");
    let route = library.find(&Method::POST, "/v1/everything").unwrap();
    let body = br#"{"nowhere":1,"nested":{"nowhere":[]},"authors":[{"x":1}]}"#;
    assert!(route.request(None, None, body).is_ok());
    let form = Some("application/x-www-form-urlencoded");
    assert!(route.request(None, form, b"nowhere=1").is_ok());
    // What it knows has to be right.
    let wrong = br#"{"nowhere":1,"i32":"x"}"#;
    assert!(route.request(None, None, wrong).is_err());
    // Where the body is everything, the query has no place for what is known.
    let message = route.request(Some("nowhere=7&%zz"), None, br#"{"i32":1}"#);
    let alone = route.request(None, None, br#"{"i32":1}"#);
    assert_eq!(message.unwrap(), alone.unwrap());
    for known in ["i32=7", "nested.i32=7", "labels[a]=b", "by_number[1]=2"] {
        let refused = route.request(Some(known), None, b"{}").unwrap_err();
        assert_eq!(refused.violations.len(), 1, "{known}: {refused}");
    }

    let library = lenient("Search");
    let route = library.find(&Method::GET, "/v1/search").unwrap();
    assert!(route.request(Some("nowhere=1"), None, b"").is_ok());
}

#[test]
fn leniency_is_of_one_method_alone() {
    let library = lenient("Search");
    for (method, path, body) in [
        (Method::POST, "/v1/everything", &br#"{"nowhere":1}"#[..]),
        (Method::PUT, "/v1/everything/7", br#"{"nowhere":1}"#),
        (Method::POST, "/v1/books/7:archive", br#"{"nowhere":1}"#),
    ] {
        let route = library.find(&method, path).unwrap();
        assert!(route.request(None, None, body).is_err(), "{path}");
    }
    let route = library.find(&Method::GET, "/v1/books/7").unwrap();
    assert!(route.request(Some("nowhere=1"), None, b"").is_err());
}

#[test]
fn the_document_says_whether_more_may_be_sent() {
    let closed = |library: &Transcoder, schema: &str| {
        document(library)["components"]["schemas"][schema]["additionalProperties"] == json!(false)
    };
    let strict = library("Create", MethodPolicy::default()).unwrap();
    assert!(closed(&strict, "GetBookRequest"));
    assert!(!closed(&lenient("ArchiveBook"), "GetBookRequest"));
    let open = document(&lenient("ArchiveBook"));
    let schema =
        "/paths/~1v1~1books~1{id}:archive/post/requestBody/content/application~1json/schema";
    let schema = open.pointer(schema).unwrap();
    assert_eq!(schema.get("additionalProperties"), None, "{schema}");
}

#[test]
fn what_was_created_is_found_at_its_location() {
    let everything = json!({
        "id": "a b/c", "i64": "-7", "u32": 0, "flag": true, "f32": 0.1, "kind": "KIND_NOVEL",
        "left": "..", "data": "-_8=", "nested": {"id": "ü"}, "at": "2026-01-31T12:00:00Z", "wrappedNumber": "9",
    });
    for (location, value) in [
        ("/v1/everything/{id}", Some("/v1/everything/a%20b%2Fc")),
        ("/v1/{nested.id}/x", Some("/v1/%C3%BC/x")),
        ("/{i64}/{u32}/{flag}", Some("/-7/0/true")),
        ("/{f32}/{kind}/{data}", Some("/0.1/KIND_NOVEL/-_8")),
        ("/{at}", Some("/2026-01-31T12%3A00%3A00Z")),
        ("/{wrapped_number}?x=%20", Some("/9?x=%20")),
        ("/v1/me", Some("/v1/me")),
        ("/v1/{left}", None),
        ("/v1/x{left}", None),
        // Absent, or empty: nothing is there.
        ("/{maybe}", None),
        ("/{nested.nested.id}", None),
        ("/{snake_case_name}", None),
    ] {
        let library = library("Create", created(location)).unwrap();
        let route = library.find(&Method::POST, "/v1/everything").unwrap();
        let bytes = encode("library.v1.Everything", &everything);
        let response = route.response(&bytes).unwrap();
        let told = response
            .location
            .map(|told| told.to_str().unwrap().to_owned());
        assert_eq!(told.as_deref(), value, "{location}");
    }
}

#[test]
fn a_location_that_leads_nowhere_is_a_fault() {
    for (location, says) in [
        ("v1/{id}", "begin with one slash"),
        ("//elsewhere/{id}", "begin with one slash"),
        ("/v1/{id", "is not closed"),
        ("/v1/{nowhere}", "no field `nowhere`"),
        ("/v1/{numbers}", "is repeated"),
        ("/v1/{author}", "is a message"),
        ("/v1/{id}}", "characters"),
        ("/v1/a b", "characters"),
        ("/v1/ü", "characters"),
    ] {
        let faults = library("Create", created(location)).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(says), "{location}: {faults:?}");
    }
    let ok = MethodPolicy {
        success_status: StatusCode::OK,
        ..created("/v1/me")
    };
    assert!(library("Create", ok).unwrap_err()[0].contains("status 201"));
    assert!(library("Watch", created("/v1/me")).unwrap_err()[0].contains("unary"));
}

#[test]
fn the_document_says_what_a_caller_must_bring_and_what_is_told() {
    let policy = MethodPolicy {
        security: Security::Bearer {
            scopes: vec!["books.write".into()],
        },
        ..created("/v1/everything/{id}")
    };
    let document = document(&library("Create", policy).unwrap());
    let create = &document["paths"]["/v1/everything"]["post"];
    assert_eq!(create["security"], json!([{"bearerAuth": ["books.write"]}]));
    assert!(create["responses"]["403"].is_object(), "{create}");
    assert!(create["responses"]["201"]["headers"]["Location"].is_object());
    let get = &document["paths"]["/v1/search"]["get"];
    assert_eq!(get["security"], json!([]));
    assert_eq!(get["responses"].get("403"), None);
}

/// The events of books of these names.
fn events(field: &str, books: &[Json]) -> String {
    let library = library("Watch", resumable(field, "name")).unwrap();
    let route = library.find(&Method::GET, "/v1/books/7:watch").unwrap();
    let mut encoder = route.stream(StreamForm::Events);
    let mut body = String::new();
    for book in books {
        let piece = encoder.message(&encode("library.v1.Book", book)).unwrap();
        body += std::str::from_utf8(&piece.body).unwrap();
    }
    body + std::str::from_utf8(&encoder.end()).unwrap()
}

#[test]
fn an_event_has_the_id_by_which_it_is_found_again() {
    let ids = |field: &str, book: Json| -> Vec<String> {
        let text = events(field, &[book]);
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(str::to_owned).collect()
    };
    assert_eq!(ids("name", json!({"name": "7"})), ["7"]);
    assert_eq!(ids("name", json!({"name": "ü: \t%"})), ["ü: \t%"]);
    assert_eq!(ids("author.born", json!({"author": {}})), ["0"]);
    let at = json!({"printedAt": "2026-01-31T12:00:00Z"});
    assert_eq!(ids("printed_at", at), ["2026-01-31T12:00:00Z"]);
    // None that would come back as another, and none where there is nothing.
    for name in ["", " 7", "7\t", "7\n", "a\r\nb", "\0", "\u{7f}"] {
        let book = json!({"name": name});
        assert_eq!(ids("name", book), [""; 0], "{name:?}");
    }
    assert_eq!(ids("author.born", json!({})), [""; 0]);

    let text = events("name", &[json!({"name": "7"})]);
    assert!(text.starts_with("id: 7\ndata: {\"name\":\"7\""), "{text}");
    assert!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
}

#[test]
fn ids_are_of_events_alone() {
    let library = library("Watch", resumable("name", "name")).unwrap();
    let route = library.find(&Method::GET, "/v1/books/7:watch").unwrap();
    for form in [StreamForm::JsonArray, StreamForm::Ndjson] {
        let bytes = encode("library.v1.Book", &json!({"name": "7"}));
        let piece = route.stream(form).message(&bytes).unwrap();
        assert!(!piece.body.starts_with(b"id:"), "{form:?}");
    }
}

/// The request of somebody who has seen the event `id`.
fn resumed(field: &str, query: Option<&str>, id: &[u8]) -> Result<Json, String> {
    let library = library("Watch", resumable("name", field)).unwrap();
    let route = library.find(&Method::GET, "/v1/books/7:watch").unwrap();
    let request = route.request(query, None, b"").unwrap();
    let request = route.resumed(request, id).map_err(|error| {
        assert_eq!(error.violations.len(), 1);
        error.to_string()
    })?;
    let input = route.method().input();
    let message = DynamicMessage::decode(input, request).unwrap();
    Ok(serde_json::to_value(message).unwrap())
}

#[test]
fn whoever_has_seen_an_event_goes_on_after_it() {
    let asked = |name: &str| Ok(json!({"id": "7", "name": name}));
    assert_eq!(resumed("name", None, b"x"), asked("x"));
    assert_eq!(resumed("name", None, "ü".as_bytes()), asked("ü"));
    // An `EventSource` comes again with the query that it came with first.
    assert_eq!(resumed("name", Some("name=old"), b"x"), asked("x"));
    assert_eq!(resumed("name", Some("name=old"), b""), asked("old"));
    let not_text = resumed("name", None, b"\xff").unwrap_err();
    assert_eq!(not_text, "`Last-Event-ID`: expected UTF-8");
}

/// The feed, whose events have numbers.
fn feed(request_field: &str) -> Transcoder {
    let policy = resumable("number", request_field);
    let policy = |method: &MethodDescriptor| {
        Some(if method.is_server_streaming() {
            policy.clone()
        } else {
            MethodPolicy::default()
        })
    };
    Transcoder::new(pool(), &["library.v1.Feed"], policy, Options::default()).unwrap()
}

fn followed(field: &str, query: &str, id: &[u8]) -> Result<Json, RequestError> {
    let feed = feed(field);
    let route = feed.find(&Method::GET, "/v1/feed").unwrap();
    let request = route.request(Some(query), None, b"").unwrap();
    let request = route.resumed(request, id)?;
    let message = DynamicMessage::decode(route.method().input(), request).unwrap();
    Ok(serde_json::to_value(message).unwrap())
}

#[test]
fn an_id_is_read_as_its_field_and_zero_counts() {
    let asked = |json: Json| Ok(json);
    assert_eq!(
        followed("after", "after=5", b"7"),
        asked(json!({"after": "7"}))
    );
    assert_eq!(
        followed("after", "after=5", b"0"),
        asked(json!({"after": "0"}))
    );
    assert_eq!(followed("from", "from=5", b"0"), asked(json!({})));
    for id in [&b"x"[..], b"-1", b"1.5", b"+1", b"18446744073709551616"] {
        let error = followed("after", "after=5", id).unwrap_err();
        assert_eq!(error.violations[0].field, "Last-Event-ID");
        assert!(error.message.contains("whole number"), "{error}");
    }
    // Another member of its oneof is what the client asked for when it had seen nothing.
    assert_eq!(
        followed("after", "latest=true&from=1", b"7"),
        asked(json!({"after": "7", "from": 1}))
    );
}

#[test]
fn the_document_says_where_null_may_stand() {
    let document = document(&feed("after"));
    let properties = &document["components"]["schemas"]["WriteRequest"]["properties"];
    for (field, types) in [
        ("text", json!(["string", "null"])),
        ("wrapped", json!(["string", "null"])),
        ("tags", json!(["array", "null"])),
        ("labels", json!(["object", "null"])),
        ("score", json!(["number", "null"])),
    ] {
        assert_eq!(properties[field]["type"], types, "{field}");
    }
    assert_eq!(properties["text"]["description"], "Its text.");
    assert_eq!(properties["free"].get("type"), None);
    for (field, schema) in [("author", "Author"), ("kind", "Kind")] {
        let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
        let either = json!([reference, {"type": "null"}]);
        assert_eq!(properties[field]["anyOf"], either, "{field}");
    }
    // As it is read.
    let feed = feed("after");
    let route = feed.find(&Method::POST, "/v1/feed").unwrap();
    let names = properties.as_object().unwrap().keys();
    let nulls: serde_json::Map<_, _> = names.map(|name| (name.clone(), Json::Null)).collect();
    let body = serde_json::to_vec(&nulls).unwrap();
    assert!(route.request(None, None, &body).is_ok());
}

#[test]
fn the_document_names_the_header_that_takes_a_stream_up_again() {
    let document = document(&feed("after"));
    let parameters = document["paths"]["/v1/feed"]["get"]["parameters"].as_array();
    let last = parameters.unwrap().last().unwrap();
    assert_eq!(last["name"], "Last-Event-ID");
    assert_eq!(last["in"], "header");
}

#[test]
fn without_a_cursor_an_id_changes_nothing() {
    let library = library("Watch", MethodPolicy::default()).unwrap();
    let route = library.find(&Method::GET, "/v1/books/7:watch").unwrap();
    let request = route.request(None, None, b"").unwrap();
    assert_eq!(route.resumed(request.clone(), b"\xff").unwrap(), request);
}

#[test]
fn a_cursor_of_fields_that_are_not_there_is_a_fault() {
    for (name, policy, says) in [
        ("Watch", resumable("nowhere", "name"), "no field `nowhere`"),
        ("Watch", resumable("name", "nowhere"), "no field `nowhere`"),
        ("Watch", resumable("tags", "name"), "is repeated"),
        ("Watch", resumable("author", "name"), "is a message"),
        ("Search", resumable("id", "id"), "only a stream"),
        (
            "Download",
            resumable("content_type", "id"),
            "stream of bytes",
        ),
    ] {
        let faults = library(name, policy).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains(says), "{faults:?}");
    }
}
