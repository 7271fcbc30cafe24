//! How a call ended: of a unary one the response tells, of a stream what comes last.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

/// The header and the trailer that hold the status.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What is done when a call ends.
pub trait Ending: Send + Unpin + 'static {
    /// Called once. `CANCELLED` where the caller went away first.
    fn ended(self, code: Code);
}

/// Waits for the end of a call.
#[derive(Debug)]
pub struct Watch<E: Ending> {
    ending: Option<E>,
    /// Whether the method's answer is a stream.
    streams: bool,
}

/// A response's body that is watched to its end.
struct Watched<E: Ending> {
    body: Body,
    watch: Watch<E>,
}

/// The status in headers or trailers.
#[must_use]
pub fn status(headers: &HeaderMap) -> Option<Code> {
    Some(Code::from_bytes(headers.get(STATUS)?.as_bytes()))
}

/// A frame that ends a stream with a status.
pub(super) fn last_frame(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    // A message that is no header is left out, and the code is kept.
    if status.add_header(&mut trailers).is_err() {
        trailers.insert(STATUS, i32::from(status.code()).into());
    }
    Frame::trailers(trailers)
}

// === impl Watch ===

impl<E: Ending> Watch<E> {
    /// Of a call that has begun.
    pub fn new(ending: E, streams: bool) -> Self {
        Self {
            ending: Some(ending),
            streams,
        }
    }

    /// The call has its response: a unary one is over.
    pub fn answered(mut self, response: Response<Body>) -> Response<Body> {
        match status(response.headers()) {
            None if self.streams => response.map(|body| {
                let watch = self;
                Body::new(Watched { body, watch })
            }),
            // A unary call that fails says so in the headers.
            code => {
                self.end(code.unwrap_or(Code::Ok));
                response
            }
        }
    }

    fn end(&mut self, code: Code) {
        if let Some(ending) = self.ending.take() {
            ending.ended(code);
        }
    }
}

impl<E: Ending> Drop for Watch<E> {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

impl<E: Ending> http_body::Body for Watched<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(status) {
                    self.watch.end(code);
                }
            }
            Some(Err(status)) => self.watch.end(status.code()),
            // gRPC streams end with trailers.
            None => self.watch.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
