//! The answer of a server-streaming method as an HTTP body, message by message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use transcode::{Route, StreamEncoder, StreamForm};

use super::incoming::{Incoming, Next};
use super::pass_on;
use crate::error::Failure;

/// The messages of an upstream in the client's form.
struct Encoded {
    incoming: Incoming,
    /// `None` once the end was written.
    encoder: Option<StreamEncoder>,
    /// What was encoded before there was a body.
    first: Option<Bytes>,
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
    response: Response<tonic::body::Body>,
) -> Result<Response<Body>, Failure> {
    let (metadata, mut incoming) = Incoming::of(route, response)?;
    let mut encoder = route.stream(form);
    let (status, content_type, body) = match incoming.next().await? {
        Next::Message(message) => {
            let piece = incoming.encoded(&mut encoder, &message)?;
            let body = Encoded {
                incoming,
                encoder: Some(encoder),
                first: Some(piece.body),
            };
            (piece.status, piece.content_type, Body::new(body))
        }
        Next::End => {
            let content_type = encoder.content_type();
            let status = route.policy().success_status;
            (status, content_type, Body::from(encoder.end()))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that gathers would turn a stream into one late answer.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    pass_on(&metadata, headers);
    Ok(response)
}

// === impl Encoded ===

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(mut encoder) = this.encoder.take() else {
            return Poll::Ready(None);
        };
        let next = match this.incoming.poll_next(context) {
            Poll::Pending => {
                this.encoder = Some(encoder);
                return Poll::Pending;
            }
            Poll::Ready(next) => next,
        };
        let next = next.and_then(|next| match next {
            Next::Message(message) => {
                let piece = this.incoming.encoded(&mut encoder, &message)?;
                Ok(Some(piece.body))
            }
            Next::End => Ok(None),
        });
        let last = match next {
            Ok(Some(piece)) => {
                this.encoder = Some(encoder);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            Ok(None) => encoder.end(),
            Err(status) => {
                let error = Failure::from(status).body(this.incoming.pool());
                match encoder.error(&error) {
                    Some(last) => last,
                    None => {
                        let broken = io::Error::other("the stream broke off");
                        return Poll::Ready(Some(Err(broken)));
                    }
                }
            }
        };
        Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))))
    }
}
