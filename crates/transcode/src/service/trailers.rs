//! What a service says after its messages, as HTTP trailers (RFC 9110, 6.5).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};

use super::call::pass_on;
use crate::response::has_body;

/// How the name of a trailer begins.
const PREFIX: &str = "grpc-trailer-";

/// A body with trailers after it. With them its length is not told: what ends with a length has no place
/// for trailers in HTTP/1.1.
#[derive(Debug)]
pub struct Trailed<B> {
    body: B,
    trailers: Option<HeaderMap>,
}

/// Whether a client takes trailers: `TE: trailers` (RFC 9110, 10.1.4).
#[must_use]
pub fn takes_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::TE).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// The trailers of an answer: those of the service, as `grpc-trailer-<name>`.
pub(super) fn of(service: &HeaderMap) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    pass_on(PREFIX, service, &mut trailers);
    trailers
}

/// The answer with trailers after it, and their names before it: HTTP/1.1 carries no other. An answer
/// whose status has no body has no trailers either (RFC 9110, 15.3.5).
#[must_use]
pub fn with_trailers<B>(mut response: Response<B>, trailers: HeaderMap) -> Response<Trailed<B>> {
    let has_place = has_body(response.status()) && !trailers.is_empty();
    let trailers = has_place.then_some(trailers);
    let names = trailers.as_ref().and_then(|trailers| {
        let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
        HeaderValue::try_from(names.join(", ")).ok()
    });
    let names = names.map(|names| (header::TRAILER, names));
    response.headers_mut().extend(names);
    response.map(|body| Trailed { body, trailers })
}

// === impl Trailed ===

impl<B: Body + Unpin> Body for Trailed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let last = || self.trailers.take().map(|last| Ok(Frame::trailers(last)));
        Poll::Ready(frame.or_else(last))
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.trailers {
            None => self.body.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}
