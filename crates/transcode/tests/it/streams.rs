//! Streams of messages into bodies.

use bytes::Bytes;
use http::Method;
use serde_json::{Value as Json, json};
use transcode::{StreamEncoder, StreamForm};

use crate::responses::encode;
use crate::support::library;

const WATCH: &str = "/v1/books/7:watch";
const DOWNLOAD: &str = "/v1/books/7:download";

fn book(name: &str) -> Vec<u8> {
    encode("library.v1.Book", &json!({ "name": name }))
}

fn printed(name: &str) -> Json {
    json!({"name": name, "title": "", "tags": []})
}

/// The body of as many books, with what `end` makes of it.
fn body(
    form: StreamForm,
    names: &[&str],
    end: impl FnOnce(StreamEncoder) -> Option<Bytes>,
) -> String {
    let route = library().find(&Method::GET, WATCH).unwrap();
    let mut encoder = route.stream(form);
    let mut body = Vec::new();
    for name in names {
        let piece = encoder.message(&book(name)).unwrap();
        assert_eq!(piece.content_type, form.media_type());
        body.extend_from_slice(&piece.body);
    }
    body.extend_from_slice(&end(encoder).unwrap());
    String::from_utf8(body).unwrap()
}

fn whole(form: StreamForm, names: &[&str]) -> String {
    body(form, names, |encoder| Some(encoder.end()))
}

fn failed(form: StreamForm, names: &[&str]) -> String {
    body(form, names, |encoder| encoder.error(br#"{"code":14}"#))
}

#[test]
fn an_array_is_json_whatever_comes() {
    let parsed = |text: String| serde_json::from_str::<Json>(&text).unwrap();
    let form = StreamForm::JsonArray;
    let error = json!({"code": 14});
    assert_eq!(parsed(whole(form, &[])), json!([]));
    assert_eq!(parsed(whole(form, &["a"])), json!([printed("a")]));
    let two = json!([printed("a"), printed("b\n")]);
    assert_eq!(parsed(whole(form, &["a", "b\n"])), two);
    assert_eq!(parsed(failed(form, &[])), json!([error]));
    assert_eq!(parsed(failed(form, &["a"])), json!([printed("a"), error]));
}

#[test]
fn lines_are_json_each_and_the_error_is_the_last() {
    let lines = |text: String| -> Vec<Json> {
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let form = StreamForm::Ndjson;
    assert_eq!(lines(whole(form, &[])), [json!(null); 0]);
    assert_eq!(
        lines(whole(form, &["a", "b\r\n"])),
        [printed("a"), printed("b\r\n")]
    );
    assert_eq!(
        lines(failed(form, &["a"])),
        [printed("a"), json!({"code": 14})]
    );
}

#[test]
fn events_say_how_the_stream_ended() {
    let form = StreamForm::Events;
    assert_eq!(whole(form, &[]), "event: end\ndata: {}\n\n");
    let whole = whole(form, &["a", "b\n\nevent: x"]);
    let events: Vec<_> = whole.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 3);
    let second = events[1].strip_prefix("data: ").unwrap();
    let second: Json = serde_json::from_str(second).unwrap();
    assert_eq!(second, printed("b\n\nevent: x"));
    assert!(failed(form, &["a"]).ends_with("\n\nevent: error\ndata: {\"code\":14}\n\n"));
}

#[test]
fn chunks_of_bytes_follow_each_other_and_an_error_has_no_place() {
    let route = library().find(&Method::GET, DOWNLOAD).unwrap();
    let chunk = |json: Json| encode("google.api.HttpBody", &json);
    let mut encoder = route.stream(StreamForm::Events);
    let first = encoder
        .message(&chunk(json!({"contentType": "image/png", "data": "AQI="})))
        .unwrap();
    assert_eq!(first.content_type, "image/png");
    let second = encoder.message(&chunk(json!({"data": "Aw=="}))).unwrap();
    assert_eq!([&first.body[..], &second.body].concat(), [1, 2, 3]);
    assert_eq!(encoder.error(b"{}"), None);
    let encoder = route.stream(StreamForm::JsonArray);
    assert_eq!(encoder.content_type(), "application/octet-stream");
    assert!(encoder.end().is_empty());
}

#[test]
fn bytes_that_are_no_message_end_nothing() {
    let route = library().find(&Method::GET, WATCH).unwrap();
    let mut encoder = route.stream(StreamForm::JsonArray);
    assert!(encoder.message(b"\xff").is_err());
    let last = encoder.error(b"{}").unwrap();
    assert_eq!(&last[..], b"[{}]");
}

#[test]
fn a_client_is_given_the_form_that_it_asks_for() {
    for (accept, form) in [
        ("", Some(StreamForm::JsonArray)),
        ("text/event-stream, */*;q=0.1", Some(StreamForm::Events)),
        ("application/x-ndjson", Some(StreamForm::Ndjson)),
        ("image/png", None),
    ] {
        assert_eq!(StreamForm::negotiate(accept), form, "{accept}");
        let route = library().find(&Method::GET, WATCH).unwrap();
        assert_eq!(route.stream_form(accept), form, "{accept}");
        // Bytes say themselves what they are.
        let route = library().find(&Method::GET, DOWNLOAD).unwrap();
        assert!(route.stream_form(accept).is_some(), "{accept}");
    }
}
