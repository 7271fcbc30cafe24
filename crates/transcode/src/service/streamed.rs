//! The answer of a server-streaming method as an HTTP body, message by message.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use tonic::body::Body;

use super::answer::{ServiceError, broken};
use super::incoming::{Incoming, Next};
use super::trailers;
use crate::route::Route;
use crate::stream::{StreamEncoder, StreamForm};

/// How the answer of a stream is made.
#[derive(Debug, Clone, Copy)]
pub struct Streaming<E, P> {
    /// Makes the JSON of an error that comes when the answer has begun.
    pub error: E,
    /// When this ends, an answer of JSON begins although no message has come, nor even the head of the
    /// service's answer: so that whoever waits knows that the stream is there. What the service says
    /// later has no place in the answer's head, neither its metadata nor the status of an error.
    pub begins: P,
    /// Whether the client takes trailers. HTTP/1.1 has no place for those of streams, whose names are
    /// not known at their beginning.
    pub takes_trailers: bool,
}

/// The answer of a service, from before it has begun.
struct Answer {
    source: Source,
    /// What the service says before its messages, once it has.
    metadata: HeaderMap,
}

enum Source {
    Called(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    Begun(Incoming),
}

/// The messages of a service in the client's form.
struct Encoded<E> {
    answer: Answer,
    /// `None` once the end was written.
    encoder: Option<StreamEncoder>,
    /// What was encoded before there was a body.
    first: Option<Bytes>,
    /// What follows the end; set by it.
    trailers: Option<HeaderMap>,
    takes_trailers: bool,
    /// The JSON of an error.
    error: E,
}

pub(super) async fn begin<E>(
    route: &Route<'_>,
    form: StreamForm,
    call: impl Future<Output = Response<Body>> + Send + 'static,
    streaming: Streaming<E, impl Future<Output = ()>>,
) -> Result<(HeaderMap, Response<Body>), ServiceError>
where
    E: Fn(ServiceError) -> Bytes + Send + Sync + Unpin + 'static,
{
    let mut answer = Answer {
        source: Source::Called(Box::pin(call)),
        metadata: HeaderMap::new(),
    };
    let mut encoder = route.stream(form);
    // The content type of bytes is known from the first of them.
    let begins_early = !encoder.is_raw();
    let first = first(&mut answer, streaming.begins, begins_early).await;
    let metadata = std::mem::take(&mut answer.metadata);
    let (head, first, trailers) = match first {
        Some(Ok(Next::Message(message))) => {
            let mut piece = encoded(&mut encoder, &message)?;
            let body = std::mem::take(&mut piece.body);
            (Some(piece), Some(body), None)
        }
        Some(Ok(Next::End(trailers))) => (None, None, Some(trailers)),
        Some(Err(error)) => return Err(error.after(metadata)),
        None => (None, None, None),
    };
    let (status, content_type) = match head {
        Some(piece) => (piece.status, piece.content_type),
        None => (route.policy().success_status, encoder.content_type()),
    };
    let mut body = Encoded {
        answer,
        encoder: Some(encoder),
        first,
        trailers: None,
        takes_trailers: streaming.takes_trailers,
        error: streaming.error,
    };
    if let Some(trailers) = trailers {
        body.first = body.end(&trailers);
    }
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    // A proxy that gathers would turn a stream into one late answer.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok((metadata, response))
}

/// What a service says first; `None` if nothing has come when the answer is to begin.
async fn first(
    answer: &mut Answer,
    begins: impl Future<Output = ()>,
    begins_early: bool,
) -> Option<Result<Next, ServiceError>> {
    let mut begins = pin!(begins);
    poll_fn(|context| {
        if let Poll::Ready(next) = answer.poll_next(context) {
            return Poll::Ready(Some(next));
        }
        if begins_early {
            return begins.as_mut().poll(context).map(|()| None);
        }
        Poll::Pending
    })
    .await
}

fn encoded(encoder: &mut StreamEncoder, message: &[u8]) -> Result<crate::Response, ServiceError> {
    let piece = encoder.message(message);
    piece.map_err(|error| broken(&error.to_string()))
}

// === impl Answer ===

impl Answer {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Next, ServiceError>> {
        loop {
            match &mut self.source {
                Source::Begun(incoming) => return incoming.poll_next(context),
                Source::Called(call) => {
                    let response = ready!(call.as_mut().poll(context));
                    let (metadata, incoming) = Incoming::of(response)?;
                    self.metadata = metadata;
                    self.source = Source::Begun(incoming);
                }
            }
        }
    }
}

// === impl Encoded ===

impl<E> Encoded<E> {
    /// The last piece of the body of a stream that ended well; `None` where it is empty.
    fn end(&mut self, trailers: &HeaderMap) -> Option<Bytes> {
        if self.takes_trailers {
            self.trailers = Some(trailers::of(trailers)).filter(|trailers| !trailers.is_empty());
        }
        let last = self.encoder.take()?.end();
        (!last.is_empty()).then_some(last)
    }
}

impl<E: Fn(ServiceError) -> Bytes> Encoded<E> {
    /// The last piece of the body, after an error.
    fn failed(&self, encoder: StreamEncoder, error: ServiceError) -> Result<Bytes, io::Error> {
        let last = encoder.error(&(self.error)(error));
        last.ok_or_else(|| io::Error::other("the stream broke off"))
    }
}

impl<E: Fn(ServiceError) -> Bytes + Unpin> http_body::Body for Encoded<E> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.encoder.is_none() {
            let trailers = self.trailers.take();
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let next = match ready!(self.answer.poll_next(context)) {
            Ok(Next::End(trailers)) => {
                let frame = self.end(&trailers).map(Frame::data);
                let trailers = || self.trailers.take().map(Frame::trailers);
                return Poll::Ready(frame.or_else(trailers).map(Ok));
            }
            Ok(Next::Message(message)) => Ok(message),
            Err(error) => Err(error),
        };
        let Some(mut encoder) = self.encoder.take() else {
            return Poll::Ready(None);
        };
        let piece = next.and_then(|message| encoded(&mut encoder, &message));
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.encoder = Some(encoder);
                Ok(Frame::data(piece.body))
            }
            Err(error) => self.failed(encoder, error).map(Frame::data),
        }))
    }
}
