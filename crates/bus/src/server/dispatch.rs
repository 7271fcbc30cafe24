//! One record: checked, opened, handed on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chassis::contract::{Method, Pattern};
use futures_util::FutureExt as _;
use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::Shared;
use super::address::Address;
use super::commit::Taken;
use super::dialect::Dialect;
use super::reply::Answer;
use super::request::{Call, remaining};
use super::work::{Served, Work, is_repeatable};
use crate::header;
use crate::metrics::Refusal;
use crate::record::Received;

/// A reply has to travel back: a handler may not use the caller's last moment.
const ANSWER_BY: Duration = Duration::from_millis(5);

impl Shared {
    /// Takes a record. Whatever it holds, it is finished in the end, so that it never stops its
    /// partition.
    pub(super) fn dispatch(self: &Arc<Self>, received: &Received<'_>, taken: Taken) {
        self.metrics.taken(received.age(SystemTime::now()));
        match self.served.get(received.origin_topic()) {
            Some(served) if served.method.pattern == Pattern::RequestReply => {
                let served = Arc::clone(served);
                self.dispatch_request(&served, received, taken);
            }
            _ => self.dispatch_event(received, taken, self.slots.take()),
        }
    }

    /// The method that a record calls: that of its topic, which must be the one that it names. A
    /// foreign caller names none.
    pub(super) fn method_of(
        &self,
        received: &Received<'_>,
        dialect: Dialect,
    ) -> Result<Arc<Method>, Status> {
        let served = self.served.get(received.origin_topic());
        let named = received.text(header::METHOD);
        let method = served
            .map(|served| &served.method)
            .filter(|method| named.map_or(!dialect.is_own(), |named| named == method.path));
        method
            .cloned()
            .ok_or_else(|| Status::unimplemented("the topic carries no such method"))
    }

    fn dispatch_request(
        self: &Arc<Self>,
        served: &Arc<Served>,
        received: &Received<'_>,
        taken: Taken,
    ) {
        let drop_it = |refusal, why: &dyn std::fmt::Display| {
            self.metrics.refused(refusal);
            tracing::warn!(
                topic = received.topic,
                partition = received.partition,
                offset = received.offset,
                "a request was dropped: {why}"
            );
            self.commits.finish(&taken);
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
            return self.commits.finish(&taken);
        }
        match self.open(served, received, &address) {
            Ok(call) => {
                let key = served.method.key.as_ref().and(received.key);
                let repeatable = is_repeatable(&served.method, &call, self.options.replays);
                let work = Work {
                    served: Arc::clone(served),
                    call,
                    address,
                    taken,
                    since: Instant::now(),
                    key: key.filter(|key| !key.is_empty()).map(<[u8]>::to_vec),
                    repeatable,
                    slot: None,
                };
                self.take_slot(work);
            }
            Err(status) => {
                self.metrics.refused(match status.code() {
                    Code::DeadlineExceeded => Refusal::Expired,
                    _ => Refusal::Unreadable,
                });
                self.refuse(&address, &status);
                self.commits.finish(&taken);
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
        let method = self.method_of(received, dialect)?;
        if served.method.server_streaming && !dialect.is_own() {
            return Err(Status::unimplemented(
                "this method answers with a stream, which this client cannot take",
            ));
        }
        let budget = remaining(received, &method, SystemTime::now())?;
        Call::open(received, dialect, &method, &self.settings.keys, budget)
    }

    /// Lets a request run if there is a slot for it. Others wait, the oldest first.
    fn take_slot(self: &Arc<Self>, mut work: Work) {
        let mut backlog = self.backlog.lock();
        let slot = backlog.is_empty().then(|| self.slots.try_take()).flatten();
        let Some(slot) = slot else {
            let control = self.control(&work);
            return backlog.push(work, control);
        };
        drop(backlog);
        work.slot = Some(slot);
        self.admit(work);
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
            drop(backlog);
            if control.is_gone() {
                self.commits.finish(&work.taken);
                continue;
            }
            drop(control);
            work.slot = Some(slot);
            self.admit(work);
        }
    }

    /// Lets a request run, unless it did before and must not again.
    fn admit(self: &Arc<Self>, work: Work) {
        if work.repeatable {
            return self.start(work);
        }
        // It must not run twice: it counts as done before it begins, and a copy is passed over.
        self.commits.finish(&work.taken);
        if !self.seen.lock().insert(work.call.id().as_bytes()) {
            return self.metrics.refused(Refusal::Repeated);
        }
        if work.served.method.commit_first {
            self.commit_first.lock().wait(work);
        } else {
            self.start(work);
        }
    }

    /// One attempt to handle a call, within its budget.
    pub(super) async fn handle(&self, call: &Call, budget: Duration) -> Response<Body> {
        let answer = self.attempt(call.request(budget));
        let budget = budget.saturating_sub(ANSWER_BY);
        tokio::time::timeout(budget, answer)
            .await
            .unwrap_or_else(|_| {
                Status::deadline_exceeded("the service did not answer in time").into_http()
            })
    }

    pub(super) async fn attempt(&self, request: Request<Body>) -> Response<Body> {
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
