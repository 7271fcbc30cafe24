//! Compression of what REST and the pages answer, in the encoding that the client likes best.

use http::{Response, header};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// What is smaller would not become smaller by much, and costs more time than it saves. In bytes.
pub(crate) const SMALLEST: u64 = 1024;

/// Marks a response, in its extensions, that must not be compressed: the size of one that holds a
/// secret beside what the client sent tells of the secret (BREACH, CVE-2013-3587).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uncompressed;

/// What is worth compressing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worth;

/// Compresses with gzip, Brotli or Zstandard. Fast levels: an answer waits for it.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(
            SizeAbove::new(SMALLEST)
                .and(NotForContentType::GRPC)
                .and(NotForContentType::IMAGES)
                .and(NotForContentType::SSE)
                .and(Worth),
        )
}

// === impl Worth ===

impl Predicate for Worth {
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        // A stream is to be seen message by message, and no encoder is asked to flush.
        let is_stream = response.headers().get("x-accel-buffering").is_some();
        let is_partial = response.headers().contains_key(header::CONTENT_RANGE);
        response.extensions().get::<Uncompressed>().is_none() && !is_stream && !is_partial
    }
}
