//! Plans against the dynamic messages that they stand in for: what a plan takes it makes the same
//! of, and ordinary input it does take.

mod answers;
mod messages;
mod requests;
mod special_answers;
mod special_requests;
mod work;

use std::sync::LazyLock;

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use transcode::{Options, Route, Transcoder, fuzz};

use crate::support::ok;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proto");
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let mut compiler = protox::Compiler::new([root, contracts]).unwrap();
    compiler.include_imports(true);
    compiler.open_files(["kinds.proto", "old.proto"]).unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});

static TRANSCODER: LazyLock<Transcoder> = LazyLock::new(|| {
    let services = ["kinds.v1.Kinds", "old.v1.Old"];
    Transcoder::new(&POOL, &services, ok, Options::default()).unwrap()
});

fn described(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(name).unwrap()
}

fn post(path: &str) -> Route<'static> {
    TRANSCODER.find(&Method::POST, path).unwrap()
}

fn put(path: &str) -> Route<'static> {
    TRANSCODER.find(&Method::PUT, path).unwrap()
}

/// The JSON of an answer, if the plan takes it. Then it must be that of the dynamic message.
#[track_caller]
fn answer(route: &Route<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let planned = fuzz::planned_answer(route, bytes)?;
    let dynamic = fuzz::dynamic_answer(route, bytes).expect("a plan took a wrong answer");
    assert_eq!(planned.status, dynamic.status);
    assert_eq!(planned.content_type, dynamic.content_type);
    // As trees, because maps have no order.
    assert_eq!(tree(&planned.body), tree(&dynamic.body));
    Some(planned.body.into())
}

/// Numbers as they are printed, because `0.0` equals `-0.0`.
fn tree(json: &[u8]) -> String {
    let tree: serde_json::Value = serde_json::from_slice(json).unwrap();
    tree.to_string()
}

/// The message of a request, if the plan takes it. Then it must be the dynamic one.
#[track_caller]
fn request(
    route: &Route<'_>,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Option<DynamicMessage> {
    let bytes = fuzz::planned_request(route, query, content_type, body)?;
    let decode = |bytes| DynamicMessage::decode(route.method().input(), bytes).unwrap();
    let planned = decode(bytes);
    let text = String::from_utf8_lossy(body);
    match fuzz::dynamic_request(route, query, content_type, body) {
        Ok(bytes) => assert_eq!(shown(&decode(bytes)), shown(&planned), "{text}"),
        Err(error) => panic!("a plan took a wrong request, {error}: {text}"),
    }
    Some(planned)
}

#[track_caller]
fn json(route: &Route<'_>, body: &str) -> Option<DynamicMessage> {
    request(route, None, Some("application/json"), body.as_bytes())
}

/// The message as text, without an order of entries, with the sign of zeros.
fn shown(message: &DynamicMessage) -> String {
    match serde_json::to_value(message) {
        Ok(tree) => tree.to_string(),
        // A mask, say, whose paths have no JSON form.
        Err(error) => format!("{error}, {} fields", message.fields().count()),
    }
}
