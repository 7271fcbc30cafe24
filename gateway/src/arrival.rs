//! Whether a request waits for its client: for as long as the rest of its body does not come, it says nothing
//! of the service.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;

/// How the body of a request comes, in the request's extensions. Without one it was there from the beginning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrival(Arc<Mutex<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    /// Whether more of it was asked for and has not come.
    waits: bool,
    /// When it last had waited.
    went_on: Option<Instant>,
}

/// A body that is watched.
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
    /// Whether it is the client that is waited for.
    pub(crate) fn waits(&self) -> bool {
        self.0.lock().waits
    }

    /// When the client was last waited for and sent more, if it ever was.
    pub(crate) fn went_on(&self) -> Option<Instant> {
        self.0.lock().went_on
    }

    /// Notes that more was asked for: whether it has come.
    pub(crate) fn note(&self, has_come: bool) {
        let mut progress = self.0.lock();
        if has_come && progress.waits {
            progress.went_on = Some(Instant::now());
        }
        progress.waits = !has_come;
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
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.arrival.note(polled.is_ready());
        Poll::Ready(ready!(polled))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
