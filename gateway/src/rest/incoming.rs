//! A gRPC response, message by message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chassis::frame::Messages;
use http::{HeaderMap, Response};
use prost_reflect::{DescriptorPool, MethodDescriptor};
use tonic::body::Body;
use tonic::{Code, Status};
use transcode::{Route, StreamEncoder};

use super::MESSAGE_LIMIT;

/// The messages of a response that has begun.
pub(super) struct Incoming {
    body: Body,
    messages: Messages,
    method: MethodDescriptor,
    /// Its head has the status already: nothing follows.
    is_over: bool,
}

/// What an upstream says next.
pub(super) enum Next {
    Message(Bytes),
    /// There are no more, and all went well.
    End,
}

impl Incoming {
    /// The metadata of a response, and what comes after it.
    pub(super) fn of(
        route: &Route<'_>,
        response: Response<Body>,
    ) -> Result<(HeaderMap, Self), Status> {
        let (head, body) = response.into_parts();
        let status = Status::from_header_map(&head.headers);
        let is_over = status.is_some();
        if let Some(failed) = status.filter(|status| status.code() != Code::Ok) {
            return Err(failed);
        }
        let incoming = Self {
            body,
            messages: Messages::default(),
            method: route.method().clone(),
            is_over,
        };
        Ok((head.headers, incoming))
    }

    /// The types of the contract.
    pub(super) fn pool(&self) -> &DescriptorPool {
        self.method.parent_pool()
    }

    /// What comes next. Not to be asked again after the end.
    pub(super) async fn next(&mut self) -> Result<Next, Status> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Next, Status>> {
        if self.is_over {
            return Poll::Ready(Ok(Next::End));
        }
        loop {
            if let Some(message) = self.messages.next(MESSAGE_LIMIT)? {
                return Poll::Ready(Ok(Next::Message(message)));
            }
            let frame = Pin::new(&mut self.body);
            let Some(frame) = ready!(http_body::Body::poll_frame(frame, context)) else {
                return Poll::Ready(Err(self.broken("the stream has no status")));
            };
            match frame?.into_data() {
                Ok(chunk) => self.messages.push(chunk),
                Err(frame) => {
                    let Some(status) = frame
                        .into_trailers()
                        .ok()
                        .and_then(|trailers| Status::from_header_map(&trailers))
                    else {
                        return Poll::Ready(Err(self.broken("the trailers have no status")));
                    };
                    return Poll::Ready(if status.code() != Code::Ok {
                        Err(status)
                    } else if !self.messages.is_empty() {
                        Err(self.broken("the last message is cut off"))
                    } else {
                        Ok(Next::End)
                    });
                }
            }
        }
    }

    /// The next piece of a body.
    pub(super) fn encoded(
        &self,
        encoder: &mut StreamEncoder,
        message: &[u8],
    ) -> Result<transcode::Response, Status> {
        encoder
            .message(message)
            .map_err(|error| self.broken(&format!("a message cannot be transcoded: {error}")))
    }

    /// What the upstream did wrong is for the log.
    pub(super) fn broken(&self, what: &str) -> Status {
        tracing::error!(
            method = self.method.full_name(),
            "an upstream's answer: {what}"
        );
        Status::internal("the service failed")
    }
}
