//! Contracts compiled for tests, and short ways to ask.

use std::sync::LazyLock;

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::Value as Json;
use transcode::{MethodPolicy, Miss, Options, RequestError, Transcoder};

pub(crate) const LIBRARY: &str = "library.v1.Library";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proto");
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let mut compiler = protox::Compiler::new([root, contracts]).unwrap();
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(["library.proto"]).unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});

static TRANSCODER: LazyLock<Transcoder> =
    LazyLock::new(|| Transcoder::new(&POOL, &[LIBRARY], ok, Options::default()).unwrap());

pub(crate) fn pool() -> &'static DescriptorPool {
    &POOL
}

pub(crate) fn library() -> &'static Transcoder {
    &TRANSCODER
}

pub(crate) fn ok(_: &MethodDescriptor) -> Option<MethodPolicy> {
    Some(MethodPolicy::default())
}

/// A request for the library.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// With the query.
    pub(crate) target: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

pub(crate) fn get(target: &str) -> Ask<'_> {
    with_body(Method::GET, target, None, b"")
}

pub(crate) fn json<'a>(method: Method, target: &'a str, body: &'a str) -> Ask<'a> {
    with_body(method, target, Some("application/json"), body.as_bytes())
}

pub(crate) fn with_body<'a>(
    method: Method,
    target: &'a str,
    content_type: Option<&'a str>,
    body: &'a [u8],
) -> Ask<'a> {
    Ask {
        method,
        target,
        content_type,
        body,
    }
}

impl Ask<'_> {
    pub(crate) fn try_message(&self) -> Result<DynamicMessage, RequestError> {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target, None),
        };
        let route = match library().find(&self.method, path) {
            Ok(route) => route,
            Err(Miss::BadPath(error)) => return Err(error),
            Err(miss) => panic!("{} {}: {miss}", self.method, self.target),
        };
        let bytes = route.request(query, self.content_type, self.body)?;
        Ok(DynamicMessage::decode(route.method().input(), bytes).unwrap())
    }

    /// The request message, as ProtoJSON without defaults.
    #[track_caller]
    pub(crate) fn message(&self) -> Json {
        serde_json::to_value(self.try_message().unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn error(&self) -> RequestError {
        self.try_message()
            .expect_err("the request should be refused")
    }

    /// The error must blame this field, and say this.
    #[track_caller]
    pub(crate) fn refused(&self, field: &str, says: &str) {
        let error = self.error();
        assert!(error.message.contains(says), "{}: {error}", self.target);
        let fields: Vec<_> = error.violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [field], "{}: {error}", self.target);
    }
}
