//! One call over a connection: its request is sent while its answer is awaited.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chassis::layer::ending;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use tokio::task::AbortHandle;
use tonic::Status;
use tonic::body::Body;

use super::connection::Sender;
use super::{status, whole};

/// Begins the call. Dropping it, or the body of its answer, cancels it.
///
/// # Errors
/// The connection takes it no more.
pub(super) fn begin(mut sender: Sender, request: Request<Body>) -> Result<Exchange, Status> {
    let (head, body) = request.into_parts();
    let head = Request::from_parts(head, ());
    let (response, stream) = sender
        .send_request(head, body.is_end_stream())
        .map_err(|error| status::of(&error))?;
    let sending = (!body.is_end_stream()).then(|| Sending::new(body, stream));
    Ok(Exchange { response, sending })
}

/// A call that has begun.
pub(super) struct Exchange {
    response: ResponseFuture,
    sending: Option<Sending>,
}

/// A request's body that is being sent.
struct Sending {
    body: Body,
    stream: SendStream<Bytes>,
    /// Whether something of it was sent.
    has_begun: bool,
}

/// The rest of a request, which is no longer sent when nobody wants the answer.
struct Rest(AbortHandle);

/// The body of an answer.
struct Received {
    stream: RecvStream,
    /// Whether messages may come still, or only trailers.
    has_data: bool,
    _sending: Option<Rest>,
}

// === impl Exchange ===

impl Exchange {
    /// The answer: all of it, if it is to be waited for as a whole.
    ///
    /// # Errors
    /// There is none, not even one that says that the call failed.
    pub(super) async fn answer(mut self, as_a_whole: bool) -> Result<Response<Body>, Status> {
        let response = poll_fn(|context| self.poll(context)).await?;
        let (mut head, stream) = response.into_parts();
        if let Some(status) = status::foreign(&head) {
            return Err(status);
        }
        // A stream of requests may go on when the answer has begun.
        let sending = self.sending;
        let sending = sending.map(|sending| Rest(tokio::spawn(sending).abort_handle()));
        let body = Received {
            stream,
            has_data: true,
            _sending: sending,
        };
        // Before it has a status too: the one that comes may be put beside them.
        status::readable(&mut head.headers);
        // What has a status already has nothing else.
        if as_a_whole && ending::status(&head.headers).is_none() {
            return Ok(whole::whole(head, body).await);
        }
        Ok(Response::from_parts(head, Body::new(body)))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Status>> {
        if let Some(running) = &mut self.sending
            && let Poll::Ready(sent) = Pin::new(running).poll(context)
        {
            self.sending = None;
            sent?;
        }
        Pin::new(&mut self.response)
            .poll(context)
            .map_err(|error| status::of(&error))
    }
}

// === impl Sending ===

impl Sending {
    fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Self {
            body,
            stream,
            has_begun: false,
        }
    }

    /// Waits until the server takes more. The first piece does not wait, and is all that most have.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        if !self.has_begun {
            return Poll::Ready(Ok(()));
        }
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            if ready!(self.stream.poll_capacity(context)?).is_none() {
                return Poll::Ready(Err(Reason::NO_ERROR.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for Sending {
    /// Only a client that breaks off is an error: what the server does to the stream, its answer says.
    type Output = Result<(), Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if ready!(self.poll_room(context)).is_err() {
                return Poll::Ready(Ok(()));
            }
            let (data, is_last) = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => (Bytes::new(), true),
                // Requests of gRPC have no trailers.
                Some(Ok(frame)) => (
                    frame.into_data().unwrap_or_default(),
                    self.body.is_end_stream(),
                ),
                Some(Err(broken)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(broken));
                }
            };
            self.has_begun = true;
            if self.stream.send_data(data, is_last).is_err() || is_last {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Received ===

impl Received {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let data = ready!(self.stream.poll_data(context));
        Poll::Ready(data.map(|data| {
            let data = data?;
            // It is with whoever asked for it: the server may send as much again.
            self.stream.flow_control().release_capacity(data.len())?;
            Ok(data)
        }))
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_data {
            match ready!(self.poll_data(context)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return Poll::Ready(Some(Err(status::of(&error)))),
                None => self.has_data = false,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|mut trailers| {
                status::readable(&mut trailers);
                Ok(Frame::trailers(trailers))
            }),
            Err(error) => Some(Err(status::of(&error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
