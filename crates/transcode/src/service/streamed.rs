//! The answer of a server-streaming method as an HTTP body, message by message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::Full;
use tonic::body::Body;

use super::answer::{ServiceError, broken};
use super::incoming::{Incoming, Next};
use crate::route::Route;
use crate::stream::{StreamEncoder, StreamForm};

/// The messages of a service in the client's form.
struct Encoded<E> {
    incoming: Incoming,
    /// `None` once the end was written.
    encoder: Option<StreamEncoder>,
    /// What was encoded before there was a body.
    first: Option<Bytes>,
    /// The JSON of an error.
    error: E,
}

pub(super) async fn begin<E>(
    route: &Route<'_>,
    form: StreamForm,
    response: Response<Body>,
    error: E,
) -> Result<(HeaderMap, Response<Body>), ServiceError>
where
    E: Fn(ServiceError) -> Bytes + Send + Sync + Unpin + 'static,
{
    let (metadata, mut incoming) = Incoming::of(response)?;
    let mut encoder = route.stream(form);
    let (status, content_type, body) = match incoming.next().await? {
        Next::Message(message) => {
            let piece = encoded(&mut encoder, &message)?;
            let body = Encoded {
                incoming,
                encoder: Some(encoder),
                first: Some(piece.body),
                error,
            };
            (piece.status, piece.content_type, Body::new(body))
        }
        Next::End => {
            let content_type = encoder.content_type();
            let status = route.policy().success_status;
            (status, content_type, Body::new(Full::new(encoder.end())))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    // A proxy that gathers would turn a stream into one late answer.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok((metadata, response))
}

fn encoded(encoder: &mut StreamEncoder, message: &[u8]) -> Result<crate::Response, ServiceError> {
    let piece = encoder.message(message);
    piece.map_err(|error| broken(&error.to_string()))
}

// === impl Encoded ===

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
            return Poll::Ready(None);
        }
        let next = ready!(self.incoming.poll_next(context));
        let Some(mut encoder) = self.encoder.take() else {
            return Poll::Ready(None);
        };
        let piece = match next {
            Ok(Next::Message(message)) => encoded(&mut encoder, &message),
            Ok(Next::End) => {
                let last = encoder.end();
                return Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))));
            }
            Err(error) => Err(error),
        };
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.encoder = Some(encoder);
                Ok(Frame::data(piece.body))
            }
            Err(error) => self.failed(encoder, error).map(Frame::data),
        }))
    }
}
