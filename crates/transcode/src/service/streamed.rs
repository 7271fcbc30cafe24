//! The answer of a server-streaming method as an HTTP body, message by message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tonic::Status;
use tonic::body::Body;

use super::call::pass_on;
use super::failure::Failure;
use super::incoming::{Incoming, Next, broken};
use crate::route::Route;
use crate::stream::{StreamEncoder, StreamForm};

/// The messages of a service in the client's form.
struct Encoded {
    incoming: Incoming,
    /// `None` once the end was written.
    encoder: Option<StreamEncoder>,
    /// What was encoded before there was a body.
    first: Option<Bytes>,
    pool: DescriptorPool,
}

/// The form in which the client takes a stream.
pub(super) fn form(route: &Route<'_>, headers: &HeaderMap) -> Result<StreamForm, Failure> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let form = route.stream_form(&values.join(","));
    form.ok_or_else(Failure::not_acceptable)
}

/// Answers when the first message is there, or the end: until then an error has a status of its own.
pub(super) async fn answer(
    route: &Route<'_>,
    form: StreamForm,
    response: Response<Body>,
) -> Result<Response<Body>, Failure> {
    let (metadata, mut incoming) = Incoming::of(response)?;
    let mut encoder = route.stream(form);
    let (status, content_type, body) = match incoming.next().await? {
        Next::Message(message) => {
            let piece = encoded(&mut encoder, &message)?;
            let body = Encoded {
                incoming,
                encoder: Some(encoder),
                first: Some(piece.body),
                pool: route.method().parent_pool().clone(),
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
    pass_on(&metadata, headers);
    Ok(response)
}

fn encoded(encoder: &mut StreamEncoder, message: &[u8]) -> Result<crate::Response, Status> {
    let piece = encoder.message(message);
    piece.map_err(|error| broken(&error.to_string()))
}

// === impl Encoded ===

impl Encoded {
    /// The last piece of the body, after an error.
    fn failed(&self, encoder: StreamEncoder, status: Status) -> Result<Bytes, io::Error> {
        let error = Failure::from(status).body(&self.pool);
        let last = encoder.error(&error);
        last.ok_or_else(|| io::Error::other("the stream broke off"))
    }
}

impl http_body::Body for Encoded {
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
            Err(status) => Err(status),
        };
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                self.encoder = Some(encoder);
                Ok(Frame::data(piece.body))
            }
            Err(status) => self.failed(encoder, status).map(Frame::data),
        }))
    }
}
