//! What the targets share: the library contract of the tests of transcoding, and its routes.

use std::sync::LazyLock;

use bytes::Bytes;
use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value as Json;
use transcode::{MethodPolicy, Options, Route, Transcoder, fuzz as inside};

static LIBRARY: LazyLock<Transcoder> = LazyLock::new(|| {
    let folder = |path| format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    let folders = [folder("crates/transcode/tests/proto"), folder("proto")];
    let mut compiler = protox::Compiler::new(folders).expect("the folders are there");
    compiler.include_imports(true);
    let compiled = compiler.open_file("library.proto");
    compiled.expect("the contract compiles");
    let set = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(set.as_slice()).expect("the contract links");
    let policy = |_: &_| Some(MethodPolicy::default());
    Transcoder::new(&pool, &["library.v1.Library"], policy, Options::default())
        .expect("the contract has no fault")
});

/// The routes of the library.
#[must_use]
pub fn library() -> &'static Transcoder {
    &LIBRARY
}

/// What a plan takes is what the dynamic message makes of it: a request, and an answer of the same
/// bytes.
pub fn same_as_planned(
    route: &Route<'_>,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) {
    let decode = |bytes: Bytes| {
        let input = route.method().input();
        DynamicMessage::decode(input, bytes).expect("what was accepted is a message")
    };
    if let Some(planned) = inside::planned_request(route, query, content_type, body) {
        let dynamic = inside::dynamic_request(route, query, content_type, body);
        let dynamic = dynamic.expect("a plan took a wrong request");
        // As text, because a message with a NaN is not equal to itself.
        match serde_json::to_value(decode(dynamic)) {
            Ok(tree) => assert_eq!(Some(tree), serde_json::to_value(decode(planned)).ok()),
            Err(_) => assert!(serde_json::to_value(decode(planned)).is_err()),
        }
    }
    if let Some(planned) = inside::planned_answer(route, body) {
        let dynamic = inside::dynamic_answer(route, body);
        let dynamic = dynamic.expect("a plan took a wrong answer");
        let tree = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).expect("answers are JSON");
        assert_eq!(tree(&planned.body), tree(&dynamic.body));
    }
}

/// What a request for `Everything` was accepted as must be a message, and its JSON the same message
/// again.
pub fn holds(message: &Bytes) {
    let route = library().find(&Method::POST, "/v1/everything");
    let route = route.expect("the contract has this route");
    let decoded = DynamicMessage::decode(route.method().input(), message.clone());
    assert!(decoded.is_ok(), "what was accepted is no message");
    // Not all that is accepted can be printed: names of a mask may have no form as JSON names.
    let Ok(answer) = route.response(message) else {
        return;
    };
    let again = match route.request(None, None, &answer.body) {
        Ok(again) => again,
        // Printed JSON nests deeper where a form or a path set what it is inside of.
        Err(error) if error.message.contains("nested too deeply") => return,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&answer.body)),
    };
    let again = route.response(&again).expect("it was printed before");
    // As trees, because maps have no order.
    let tree = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).expect("answers are JSON");
    assert_eq!(tree(&answer.body), tree(&again.body));
}
