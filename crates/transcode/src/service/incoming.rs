//! A gRPC response, message by message.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Response};
use http_body::Body as _;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::answer::{ServiceError, broken};

/// The bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The header or trailer that a status is known by.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The details of a status.
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The largest message of a response, in bytes: tonic's own limit for clients.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

/// What is said of a larger one.
const TOO_LARGE: &str = "a message is larger than the limit of 4 MiB";

/// The messages of a response that has begun.
pub(super) struct Incoming {
    body: Body,
    /// What comes first: the rest of a piece. A message that is within one piece is not copied.
    piece: Bytes,
    /// What was put together of several pieces; none while `piece` holds anything.
    joined: BytesMut,
    /// Its head has the status already: nothing follows.
    is_over: bool,
}

/// What a service says next.
pub(super) enum Next {
    Message(Bytes),
    /// There are no more, and all went well. Then come the trailers, gRPC's own among them.
    End(HeaderMap),
}

/// The status in headers or trailers, without details that cannot be read: tonic panics over those that
/// are no base64. Nothing is read of a success but that it is one.
fn status_of(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get(STATUS)?;
    if code == "0" {
        return Some(Status::ok(""));
    }
    let is_readable = headers.get(DETAILS).is_none_or(|details| {
        let alone = HeaderMap::from_iter([(DETAILS, details.clone())]);
        let alone = MetadataMap::from_headers(alone);
        let details = alone.get_bin(DETAILS.as_str());
        details.is_some_and(|details| details.to_bytes().is_ok())
    });
    if is_readable {
        return Status::from_header_map(headers);
    }
    let mut headers = headers.clone();
    headers.remove(DETAILS);
    Status::from_header_map(&headers)
}

impl Incoming {
    /// The metadata of a response, and what comes after it.
    pub(super) fn of(response: Response<Body>) -> Result<(HeaderMap, Self), ServiceError> {
        let (head, body) = response.into_parts();
        let status = status_of(&head.headers);
        let is_over = status.is_some();
        if let Some(failed) = status.filter(|status| status.code() != Code::Ok) {
            return Err(failed.into());
        }
        let incoming = Self {
            body,
            piece: Bytes::new(),
            joined: BytesMut::new(),
            is_over,
        };
        Ok((head.headers, incoming))
    }

    /// What comes next. Not to be asked again after the end.
    pub(super) async fn next(&mut self) -> Result<Next, ServiceError> {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Next, ServiceError>> {
        if self.is_over {
            return Poll::Ready(Ok(Next::End(HeaderMap::new())));
        }
        loop {
            if let Some(message) = self.take()? {
                return Poll::Ready(Ok(Next::Message(message)));
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            let Some(frame) = frame else {
                return Poll::Ready(Err(broken("the response has no status")));
            };
            match frame?.into_data() {
                Ok(piece) => self.push(piece),
                Err(frame) => return Poll::Ready(self.end(frame.into_trailers().ok())),
            }
        }
    }

    fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() && self.joined.is_empty() {
            self.piece = piece;
        } else {
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.piece));
            self.joined.extend_from_slice(&piece);
        }
    }

    /// The next message, if all of it is here.
    fn take(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let is_whole = self.joined.is_empty();
        let data: &[u8] = if is_whole { &self.piece } else { &self.joined };
        let Some((prefix, rest)) = data.split_at_checked(PREFIX) else {
            return Ok(None);
        };
        if prefix[0] != 0 {
            return Err(broken("a message is compressed, which was not asked for"));
        }
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        if length > MESSAGE_LIMIT {
            // Nothing that passes: asked again, it would be as large.
            return Err(broken(TOO_LARGE));
        }
        if rest.len() < length {
            return Ok(None);
        }
        Ok(Some(if is_whole {
            self.piece.advance(PREFIX);
            self.piece.split_to(length)
        } else {
            self.joined.advance(PREFIX);
            self.joined.split_to(length).freeze()
        }))
    }

    fn end(&self, trailers: Option<HeaderMap>) -> Result<Next, ServiceError> {
        let trailers = trailers.unwrap_or_default();
        let status = status_of(&trailers);
        let is_cut = !(self.piece.is_empty() && self.joined.is_empty());
        match status {
            None => Err(broken("the trailers have no status")),
            Some(status) if status.code() != Code::Ok => Err(status.into()),
            Some(_) if is_cut => Err(broken("the last message is cut off")),
            Some(_) => Ok(Next::End(trailers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_success_is_one_whatever_is_said_beside_it() {
        let mut headers = HeaderMap::new();
        assert!(status_of(&headers).is_none());
        headers.insert(STATUS, HeaderValue::from_static("0"));
        headers.insert(DETAILS, HeaderValue::from_static("!"));
        headers.insert("grpc-message", HeaderValue::from_static("%ff"));
        assert_eq!(status_of(&headers).unwrap().code(), Code::Ok);
        headers.insert(STATUS, HeaderValue::from_static("5"));
        headers.remove("grpc-message");
        let failed = status_of(&headers).unwrap();
        assert_eq!(failed.code(), Code::NotFound);
        assert!(failed.details().is_empty());
    }
}
