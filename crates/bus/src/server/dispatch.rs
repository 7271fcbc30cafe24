//! One record: checked, opened, handed on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chassis::contract::{Method, Pattern};
use futures_util::FutureExt as _;
use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::Shared;
use super::address::Address;
use super::commit::Taken;
use super::dialect::Dialect;
use super::reply::{Answer, failure};
use super::request::{Call, remaining};
use super::work::{Opened, Ready, Served, Work, is_repeatable};
use crate::header;
use crate::metrics::Refusal;
use crate::record::Received;

/// A reply has to travel back: a handler may not use the caller's last moment.
const ANSWER_BY: Duration = Duration::from_millis(5);

impl Shared {
    /// Takes a record. Whatever it holds, it is finished in the end, so that it never stops its
    /// partition. It was `awaited` if no record was there before it.
    pub(super) fn dispatch(self: &Arc<Self>, received: &Received<'_>, taken: Taken, awaited: bool) {
        self.metrics.taken(received.age(SystemTime::now()));
        let Some(served) = self.served.get(received.origin_topic()) else {
            let topic = received.topic;
            tracing::error!(topic, "a record came of a topic that was not asked for");
            return self.finish(&taken);
        };
        match served.method.pattern {
            Pattern::RequestReply => self.dispatch_request(served, received, taken, awaited),
            Pattern::Event => self.dispatch_event(served, received, taken, self.slots.take()),
        }
    }

    fn dispatch_request(
        self: &Arc<Self>,
        served: &Arc<Served>,
        received: &Received<'_>,
        taken: Taken,
        awaited: bool,
    ) {
        let drop_it = |refusal, why: &dyn std::fmt::Display| {
            self.metrics.refused(refusal);
            tracing::warn!(
                topic = received.topic,
                partition = received.partition,
                offset = received.offset,
                "a request was dropped: {why}"
            );
            self.finish(&taken);
        };
        let dialect = match Dialect::of(received, &self.settings) {
            Ok(dialect) => dialect,
            Err(refused) => return drop_it(Refusal::Unverified, &refused),
        };
        let address = match Address::of(received, dialect, &self.options.reply_topics) {
            Ok(address) => address,
            Err(why) => return drop_it(Refusal::Unanswerable, &why),
        };
        if dialect.is_own() && self.control_record(served, received, &address) {
            return self.finish(&taken);
        }
        match self.open(served, received, &address) {
            Ok(call) => {
                let key = served.method.key.as_ref().and(received.key);
                let repeatable = is_repeatable(&served.method, &call, self.options.replays);
                let opened = Opened {
                    served: Arc::clone(served),
                    call,
                    address,
                    taken,
                    since: Instant::now(),
                    key: key.filter(|key| !key.is_empty()).map(<[u8]>::to_vec),
                    repeatable,
                    awaited,
                };
                self.take_slot(opened.into());
            }
            Err(status) => {
                self.metrics.refused(match status.code() {
                    Code::DeadlineExceeded => Refusal::Expired,
                    _ => Refusal::Unreadable,
                });
                self.refuse(&address, &status);
                self.finish(&taken);
            }
        }
    }

    /// What follows a request, or comes before the first. Says whether it is such a record.
    fn control_record(&self, served: &Served, received: &Received<'_>, address: &Address) -> bool {
        if received.header(header::CANCEL).is_some() {
            self.controls.cancel(&address.correlation_id);
        } else if let Some(window) = received.text(header::WINDOW) {
            if let Ok(window) = window.parse() {
                self.controls.widen(&address.correlation_id, window);
            }
        } else if received.header(header::HELLO).is_some() {
            // One that waited for a service to start greets a channel that has long begun.
            if remaining(received, &served.method, SystemTime::now()).is_ok() {
                self.answer_now(address, Answer::done());
            }
        } else {
            return false;
        }
        true
    }

    fn open(
        &self,
        served: &Served,
        received: &Received<'_>,
        address: &Address,
    ) -> Result<Call, Status> {
        let dialect = address.dialect;
        let method = &served.method;
        calls(method, received, dialect)?;
        if method.server_streaming && !dialect.is_own() {
            return Err(Status::unimplemented(
                "this method answers with a stream, which this client cannot take",
            ));
        }
        let budget = remaining(received, method, SystemTime::now())?;
        Call::open(received, dialect, served, &self.settings.keys, budget)
    }

    /// Lets a request run if there is a slot for it. Others wait, the oldest first.
    fn take_slot(self: &Arc<Self>, mut work: Work) {
        let mut backlog = self.backlog.lock();
        let slot = backlog.is_empty().then(|| self.slots.try_take()).flatten();
        let Some(slot) = slot else {
            let control = self.control(&work);
            return backlog.push(work, control);
        };
        work.slot = Some(slot);
        let ready = self.admit(work);
        drop(backlog);
        self.run(ready);
    }

    /// Lets those run that waited for a slot, as long as there are any.
    pub(super) fn take_waiting(self: &Arc<Self>) {
        loop {
            let mut backlog = self.backlog.lock();
            if backlog.is_empty() {
                return;
            }
            let Some(slot) = self.slots.try_take() else {
                return;
            };
            let Some((mut work, control)) = backlog.pop() else {
                return;
            };
            if control.is_gone() {
                self.finish(&work.taken);
                continue;
            }
            work.slot = Some(slot);
            let ready = self.admit(work);
            drop(backlog);
            self.run(ready);
        }
    }

    /// Says whether and where a request runs, unless it did before and must not again. Called while
    /// the backlog is locked, so that requests take their turns in the order in which they came.
    fn admit(&self, work: Work) -> Option<Ready> {
        if work.repeatable {
            return self.in_turn(work);
        }
        // It must not run twice: it counts as done before it begins, and a copy is passed over. If
        // its partition went elsewhere while it waited, it runs there.
        if !self.commits.finish(&work.taken) {
            return None;
        }
        if !self.seen.lock().insert(work.call.id().as_bytes()) {
            self.metrics.refused(Refusal::Repeated);
            return None;
        }
        if work.served.method.commit_first {
            self.commit_first.lock().wait(work);
            return None;
        }
        self.in_turn(work)
    }

    /// A record is finished, in this assignment or in one that is over.
    pub(super) fn finish(&self, taken: &Taken) {
        self.commits.finish(taken);
    }

    /// One attempt to handle a call, within its budget.
    pub(super) async fn handle(
        &self,
        method: &Method,
        call: &Call,
        budget: Duration,
    ) -> Response<Body> {
        let answer = self.attempt(method, call, budget);
        let budget = budget.saturating_sub(ANSWER_BY);
        tokio::time::timeout(budget, answer)
            .await
            .unwrap_or_else(|_| {
                Status::deadline_exceeded("the service did not answer in time").into_http()
            })
    }

    pub(super) async fn attempt(
        &self,
        method: &Method,
        call: &Call,
        budget: Duration,
    ) -> Response<Body> {
        let service = self.service.clone();
        // Nothing of the call is used after a panic.
        match AssertUnwindSafe(service.oneshot(call.request(budget)))
            .catch_unwind()
            .await
        {
            Ok(Ok(response)) => {
                // A generated server says of a message that it cannot decode what it says of a fault
                // of its own.
                let failed = failure(&response).filter(|status| status.code() == Code::Internal);
                let undecodable = failed.and_then(|_| call.undecodable(method));
                undecodable.map_or(response, Status::into_http)
            }
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("a handler has panicked");
                Status::internal("the service failed").into_http()
            }
        }
    }
}

/// Checks that a record calls the method of its topic. A foreign caller names none.
///
/// # Errors
/// `UNIMPLEMENTED`: it names another.
pub(super) fn calls(
    method: &Method,
    received: &Received<'_>,
    dialect: Dialect,
) -> Result<(), Status> {
    let named = received.text(header::METHOD);
    if named.map_or(!dialect.is_own(), |named| named == method.path) {
        Ok(())
    } else {
        Err(Status::unimplemented("the topic carries no such method"))
    }
}
