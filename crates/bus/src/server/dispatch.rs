//! One record: checked, opened, handed to the runtime.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chassis::contract::{Idempotency, Method, Pattern};
use futures_util::FutureExt as _;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt as _;

use super::Shared;
use super::commit::Taken;
use super::reply::Address;
use super::request::{Call, remaining};
use super::slots::Slot;
use crate::header;
use crate::record::Received;

/// A reply has to travel back: a handler may not use the caller's last moment.
const ANSWER_BY: Duration = Duration::from_millis(5);

impl Shared {
    /// Takes a record. Whatever it holds, it is finished in the end, so that it never stops its
    /// partition.
    pub(super) fn dispatch(self: &Arc<Self>, received: &Received<'_>, taken: Taken, slot: Slot) {
        let own_topic = self
            .methods
            .iter()
            .find(|method| method.topic == received.topic);
        let is_event = own_topic.is_some_and(|method| method.pattern == Pattern::Event);
        if is_event {
            self.dispatch_event(received, taken, slot);
        } else {
            self.dispatch_request(received, taken, slot);
        }
    }

    /// The method that a record calls: the one it names, which must be the one of its topic.
    pub(super) fn method_of(&self, received: &Received<'_>) -> Result<Arc<Method>, Status> {
        let named = received
            .text(header::METHOD)
            .and_then(|path| self.contract.get(path));
        let method = named.filter(|method| method.topic == received.origin_topic());
        method
            .cloned()
            .ok_or_else(|| Status::unimplemented("the topic carries no such method"))
    }

    fn dispatch_request(self: &Arc<Self>, received: &Received<'_>, taken: Taken, slot: Slot) {
        if let Err(refused) = self.settings.keys.verify(received) {
            tracing::warn!(
                topic = received.topic,
                partition = received.partition,
                offset = received.offset,
                "a request was refused: {refused}"
            );
            return self.commits.finish(&taken);
        }
        let address = match Address::of(received, self) {
            Ok(address) => address,
            Err(why) => {
                tracing::warn!(
                    topic = received.topic,
                    offset = received.offset,
                    "a request cannot be answered: {why}"
                );
                return self.commits.finish(&taken);
            }
        };
        let opened = self.method_of(received).and_then(|method| {
            let budget = remaining(received, &method, SystemTime::now())?;
            Call::open(received, &method, &self.settings.keys, budget).map(|call| (method, call))
        });
        let (method, call) = match opened {
            Ok(opened) => opened,
            Err(status) => {
                self.refuse(&address, &status);
                return self.commits.finish(&taken);
            }
        };
        if method.idempotency == Idempotency::Unknown {
            // It must not run twice: it counts as done before it begins, and a copy is passed over.
            self.commits.finish(&taken);
            if !self.seen.lock().insert(call.id().as_bytes()) {
                return;
            }
        }
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let response = shared.handle(&call).await;
            shared.answer(&address, response, method.sealed).await;
            shared.commits.finish(&taken);
            drop(slot);
        });
    }

    /// One attempt to handle a call, within its budget.
    pub(super) async fn handle(&self, call: &Call) -> Response<Body> {
        let answer = self.attempt(call.request());
        let budget = call.budget().saturating_sub(ANSWER_BY);
        tokio::time::timeout(budget, answer)
            .await
            .unwrap_or_else(|_| {
                Status::deadline_exceeded("the service did not answer in time").into_http()
            })
    }

    async fn attempt(&self, request: Request<Body>) -> Response<Body> {
        let service = self.service.clone();
        // Nothing of the call is used after a panic.
        match AssertUnwindSafe(service.oneshot(request))
            .catch_unwind()
            .await
        {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("a handler has panicked");
                Status::internal("the service failed").into_http()
            }
        }
    }
}
