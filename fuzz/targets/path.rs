#![no_main]

use fuzz::library;
use http::Method;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost_reflect::DynamicMessage;

fuzz_target!(|text: &str| {
    transcode::fuzz::path(text);
    if let Some((_, path)) = text.lines().last().and_then(|line| line.split_once(' ')) {
        captured(path);
    }
});

/// What a path captured as `{id}` reaches the same route when it is escaped anew.
fn captured(path: &str) {
    let get = |path: &str| {
        let route = library().find(&Method::GET, path).ok()?;
        let message = route.request(None, None, b"").ok()?;
        let message = DynamicMessage::decode(route.method().input(), message);
        let message = message.expect("what was accepted is a message");
        let id = message.get_field_by_name("id")?.as_str()?.to_owned();
        (route.template() == "/v1/books/{id}").then_some(id)
    };
    if let Some(id) = get(path) {
        let path = format!("/v1/books/{}", utf8_percent_encode(&id, NON_ALPHANUMERIC));
        // A book `mine` has a route of its own, which a literal of the path reaches.
        assert_eq!(get(&path), Some(id));
    }
}
