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

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_request_waits_while_more_of_it_was_asked_for_and_has_not_come() {
        let (send, mut sent) = mpsc::unbounded_channel();
        let frames = futures_util::stream::poll_fn(move |context| sent.poll_recv(context));
        let mut request = watched(Request::new(Body::new(StreamBody::new(frames))));
        let arrival = request.extensions().get::<Arrival>().unwrap().clone();
        // As long as nobody asks, it is not the client that is waited for.
        assert!(!arrival.waits() && arrival.went_on().is_none());
        let piece = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"a")));
        send.send(piece()).unwrap();
        assert!(poll!(request.body_mut().frame()).is_ready());
        assert!(!arrival.waits() && arrival.went_on().is_none());
        assert!(poll!(request.body_mut().frame()).is_pending());
        assert!(arrival.waits());
        send.send(piece()).unwrap();
        assert!(poll!(request.body_mut().frame()).is_ready());
        assert!(!arrival.waits() && arrival.went_on().is_some());
        drop(send);
        assert!(request.body_mut().frame().await.is_none());
        assert!(!arrival.waits());
        // What is there as a whole is not watched.
        let whole = watched(Request::new(Body::empty()));
        assert!(whole.extensions().get::<Arrival>().is_none());
    }
}
