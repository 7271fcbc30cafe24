//! Compression of what REST and the pages answer, in the encoding that the client likes best.

use http::{HeaderMap, HeaderValue, Response, header};
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

/// Takes away that an answer may not be as it is, where a client says so: there may be no encoding that it
/// takes, or none that is worth it, and a server may disregard the wish (RFC 9110, 12.5.3). Were the answer
/// refused, a call that was made would look as if it had not been.
pub(crate) fn settle(headers: &mut HeaderMap) {
    let lines = || headers.get_all(header::ACCEPT_ENCODING).into_iter();
    // Nearly nobody excludes anything.
    let excludes = |line: &HeaderValue| line.as_bytes().windows(2).any(|pair| pair == b"=0");
    if !lines().any(excludes) {
        return;
    }
    let lines: Vec<_> = lines().filter_map(|line| line.to_str().ok()).collect();
    let excludes_plain = |wish: &&str| {
        let (coding, weight) = wish.split_once(';').unwrap_or((wish, ""));
        let coding = coding.trim();
        let weight = weight.trim().to_ascii_lowercase();
        let weight = weight
            .strip_prefix("q=")
            .and_then(|weight| weight.parse::<f32>().ok());
        weight == Some(0.0) && (coding == "*" || coding.eq_ignore_ascii_case("identity"))
    };
    let wishes = lines.iter().flat_map(|line| line.split(','));
    let mut kept: Vec<_> = wishes.filter(|wish| !excludes_plain(wish)).collect();
    // The last choice.
    kept.push("identity;q=0.001");
    if let Ok(kept) = HeaderValue::try_from(kept.join(",")) {
        headers.insert(header::ACCEPT_ENCODING, kept);
    }
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

#[cfg(test)]
mod tests {
    use http::Request;
    use std::convert::Infallible;
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;

    #[tokio::test]
    async fn an_answer_is_never_refused_for_its_encoding() {
        for (wish, encoding) in [
            ("gzip", Some("gzip")),
            ("gzip;q=0", None),
            ("gzip;q=0, *", Some("zstd")),
            ("gzip;q=0.5, identity", None),
            ("*;q=0, identity;q=0.5", None),
            ("identity;q=0, gzip", Some("gzip")),
            ("*;q=0, zstd;q=0.002", Some("zstd")),
            ("identity;q=0", None),
            ("*;q=0", None),
            ("*; Q=0.000", None),
            ("deflate, *;q=0", None),
            ("gzip;q=0, identity;q=0, br;q=0, zstd;q=0", None),
        ] {
            let answer = service_fn(async |_: Request<()>| {
                Ok::<_, Infallible>(Response::new(axum::body::Body::from(vec![b' '; 4096])))
            });
            let mut request = Request::new(());
            let headers = request.headers_mut();
            headers.insert(header::ACCEPT_ENCODING, wish.parse().unwrap());
            settle(headers);
            let response = layer().layer(answer).oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200, "{wish}");
            let told = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(told.map(|told| told.to_str().unwrap()), encoding, "{wish}");
        }
    }
}
