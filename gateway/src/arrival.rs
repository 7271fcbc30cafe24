//! Whether the body of a request has arrived: until then its client keeps the call waiting, and not the
//! service.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// When the body of a request had arrived, in the request's extensions. Without one it was there from the
/// beginning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrival(Arc<OnceLock<Instant>>);

/// A body that is watched to its end.
struct Watched {
    body: Body,
    arrival: Arrival,
}

/// Watches the body of a request.
pub(crate) fn watched(request: Request<Body>) -> Request<Body> {
    if request.body().is_end_stream() {
        return request;
    }
    let arrival = Arrival::default();
    let watching = arrival.clone();
    let mut request = request.map(|body| {
        Body::new(Watched {
            body,
            arrival: watching,
        })
    });
    request.extensions_mut().insert(arrival);
    request
}

// === impl Arrival ===

impl Arrival {
    /// When it had arrived, if it has.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    pub(crate) fn note(&self) {
        self.0.get_or_init(Instant::now);
    }
}

// === impl Watched ===

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let has_ended = match &frame {
            None => true,
            Some(frame) => frame.is_ok() && self.body.is_end_stream(),
        };
        if has_ended {
            self.arrival.note();
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
