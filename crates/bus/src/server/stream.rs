//! Answering with a stream: numbered records, no more of them than the caller takes, and a last one
//! with the status.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::Body;

use super::Shared;
use super::control::Control;
use super::reply::{Answer, failure};
use super::work::Work;
use crate::frame::Messages;

/// What is sent next.
enum Next {
    Message(Bytes),
    /// The body has ended, with these trailers.
    End(HeaderMap),
}

/// The body of a handler's response, read message by message.
struct Outgoing {
    body: Body,
    messages: Messages,
    limit: usize,
}

impl Shared {
    /// Answers with all that the handler says, for as long as its budget lasts and somebody listens.
    pub(super) async fn answer_streaming(&self, work: &Work, control: &Control) {
        let run: Arc<str> = match crate::event::random_id() {
            Ok(id) => id[..16].into(),
            Err(error) => {
                let status = Status::unavailable(format!("the system has no randomness: {error}"));
                return self.send(work, Answer::failed(&status)).await;
            }
        };
        let mut number = 0;
        let budget = work.left().unwrap_or_default();
        let told = self.tell(work, control, budget, &run, &mut number);
        let told = tokio::time::timeout(budget, told).await;
        let end = match told {
            Ok(Told::All(trailers)) => Answer {
                trailers,
                ..Answer::default()
            },
            Ok(Told::Failed(status)) => Answer::failed(&status),
            Ok(Told::Refused(response)) => {
                let answer = Answer::collect(response, self.settings.message_limit).await;
                return self.send(work, answer).await;
            }
            Err(_) => Answer::failed(&Status::deadline_exceeded(
                "the service did not end in time",
            )),
        };
        let place = Some((run, number));
        let end = Answer {
            place,
            end: true,
            ..end
        };
        self.send(work, end).await;
    }

    /// Sends every message.
    async fn tell(
        &self,
        work: &Work,
        control: &Control,
        budget: Duration,
        run: &Arc<str>,
        number: &mut u64,
    ) -> Told {
        let method = &work.served.method;
        let response = self.attempt(method, &work.call, budget).await;
        if failure(&response).is_some() {
            return Told::Refused(response);
        }
        let (head, body) = response.into_parts();
        let mut metadata = head.headers;
        let mut outgoing = Outgoing {
            body,
            messages: Messages::default(),
            limit: self.settings.message_limit,
        };
        loop {
            let message = match outgoing.next_caught().await {
                Ok(Next::Message(message)) => message,
                Ok(Next::End(mut trailers)) => {
                    // A stream without a message has its metadata beside its status.
                    for (name, value) in &std::mem::take(&mut metadata) {
                        trailers.append(name, value.clone());
                    }
                    return Told::All(trailers);
                }
                Err(status) => return Told::Failed(status),
            };
            control.takes(*number).await;
            let answer = Answer {
                metadata: std::mem::take(&mut metadata),
                message: Some(message),
                place: Some((Arc::clone(run), *number)),
                ..Answer::default()
            };
            self.send(work, answer).await;
            *number += 1;
        }
    }

    async fn send(&self, work: &Work, answer: Answer) {
        self.answer(&work.address, &work.served.method, answer)
            .await;
    }
}

/// How a stream ended.
enum Told {
    /// Every message was sent; these are the trailers.
    All(HeaderMap),
    /// It broke off.
    Failed(Status),
    /// The handler failed before any message.
    Refused(http::Response<Body>),
}

impl Outgoing {
    /// The next message; a panic of the handler is an error.
    async fn next_caught(&mut self) -> Result<Next, Status> {
        // Nothing of the body is used after a panic.
        let next = AssertUnwindSafe(self.next()).catch_unwind().await;
        next.unwrap_or_else(|_| {
            tracing::error!("a handler has panicked in the middle of a stream");
            Err(Status::internal("the service failed"))
        })
    }

    async fn next(&mut self) -> Result<Next, Status> {
        loop {
            if let Some(message) = self.messages.next(self.limit)? {
                return Ok(Next::Message(message));
            }
            let Some(frame) = self.body.frame().await else {
                return Err(Status::internal("the service's stream has no status"));
            };
            match frame?.into_data() {
                Ok(chunk) => self.messages.push(chunk),
                Err(frame) if !self.messages.is_empty() => {
                    drop(frame);
                    return Err(Status::internal("the service's last message is cut off"));
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return Ok(Next::End(trailers));
                    }
                }
            }
        }
    }
}
