#![no_main]

use fuzz::{holds, library, same_as_planned};
use http::Method;
use libfuzzer_sys::fuzz_target;
use prost_reflect::DynamicMessage;
use transcode::StreamForm;

fuzz_target!(|input: &[u8]| {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else {
        return;
    };
    let mut head = head.split(' ');
    let (method, target) = (
        head.next().unwrap_or_default(),
        head.next().unwrap_or_default(),
    );
    let content_type = head.next();
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let Ok(route) = library().find(&method, path) else {
        return;
    };
    same_as_planned(&route, query, content_type, body);
    if let Ok(message) = route.request(query, content_type, body) {
        let input = route.method().input();
        if input.full_name() == "library.v1.Everything" {
            holds(&message);
        }
        let decoded = DynamicMessage::decode(input, message);
        assert!(decoded.is_ok(), "what was accepted is no message");
    }
    // A server's answer may be anything too.
    let _ = route.response(body);
    let mut stream = route.stream(StreamForm::Events);
    let _ = stream.message(body);
    let pool = route.method().parent_pool();
    let error = transcode::error_body(pool, 3, "m", body);
    let _ = stream.error(&error);
});
