//! A request on its way through this process: in order, on the poll thread or beside it, to its end.

use std::future::Future as _;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use chassis::contract::{Idempotency, Method};
use http::Uri;
use tonic::Status;

use super::Shared;
use super::address::Address;
use super::commit::Taken;
use super::control::Control;
use super::inline::Inline;
use super::reply::Answer;
use super::request::Call;
use super::slots::Slot;
use crate::channel::WINDOW;

/// A method that is served, and what its calls cost.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) method: Arc<Method>,
    /// Its path, as the generated server is asked for it.
    pub(super) uri: Uri,
    pub(super) inline: Inline,
}

/// A request that was opened, with everything that is held for it. Small: it is handed on many times.
#[derive(Debug)]
pub(super) struct Work {
    opened: Arc<Opened>,
    /// Given back when the work is dropped. None while it waits for one.
    pub(super) slot: Option<Slot>,
}

/// A request that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) served: Arc<Served>,
    pub(super) call: Call,
    pub(super) address: Address,
    pub(super) taken: Taken,
    pub(super) since: Instant,
    /// The key that orders it.
    pub(super) key: Option<Vec<u8>>,
    /// Whether it may run again, and so may be broken off.
    pub(super) repeatable: bool,
    /// Whether the poll thread had nothing to do when it came.
    pub(super) awaited: bool,
}

/// Orders are kept within a topic.
pub(super) type Turn = (Arc<str>, Vec<u8>);

impl Opened {
    /// What is left of its budget.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.call.budget().checked_sub(self.since.elapsed())?;
        (!left.is_zero()).then_some(left)
    }

    fn turn(&self) -> Option<Turn> {
        let key = self.key.clone()?;
        Some((Arc::clone(&self.taken.place.0), key))
    }
}

impl From<Opened> for Work {
    fn from(opened: Opened) -> Self {
        let opened = Arc::new(opened);
        Self { opened, slot: None }
    }
}

impl Deref for Work {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

/// Whether a call may run again: it says so, or its response is kept and replayed.
pub(super) fn is_repeatable(method: &Method, call: &Call, replays: bool) -> bool {
    method.idempotency != Idempotency::Unknown
        || (replays && method.is_replayable() && call.has_idempotency_key())
}

/// A request that runs now.
#[derive(Debug)]
pub(super) enum Ready {
    /// Nothing orders it: it may begin on this thread.
    Anywhere(Work),
    /// Its turn has come.
    InTurn(Work, Control),
}

impl Shared {
    /// The request, unless others of its key that came before are not done: then it waits.
    pub(super) fn in_turn(&self, work: Work) -> Option<Ready> {
        let Some(turn) = work.turn() else {
            return Some(Ready::Anywhere(work));
        };
        // Registered before it waits: its caller may go meanwhile.
        let control = self.control(&work);
        let first = self.order.lock().enter(turn, (work, control));
        first.map(|(work, control)| Ready::InTurn(work, control))
    }

    pub(super) fn control(&self, work: &Work) -> Control {
        self.controls.register(&work.address.correlation_id, WINDOW)
    }

    pub(super) fn run(self: &Arc<Self>, ready: Option<Ready>) {
        match ready {
            None => {}
            Some(Ready::Anywhere(work)) => self.run_here(work),
            Some(Ready::InTurn(work, control)) => self.run_beside(work, control),
        }
    }

    /// Runs a request here if its handler is quick and no other waits, and beside the poll thread if
    /// it has to wait. Of many that came together, all cores should have some, and their replies go
    /// out together.
    fn run_here(self: &Arc<Self>, work: Work) {
        let here = work.awaited && !work.served.method.server_streaming;
        if !here || !work.served.inline.may() {
            let control = self.control(&work);
            return self.run_beside(work, control);
        }
        let mut handling = Box::pin(Arc::clone(self).respond(Arc::clone(&work.opened)));
        // It is polled again by whoever goes on with it, with a waker that wakes.
        let mut context = Context::from_waker(Waker::noop());
        let polled = work
            .served
            .inline
            .measured(|| handling.as_mut().poll(&mut context));
        if polled.is_ready() {
            return self.finish(&work.taken);
        }
        let control = self.control(&work);
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            tokio::select! {
                () = handling => {}
                () = control.gone(), if work.repeatable => {}
            }
            shared.finish(&work.taken);
            drop(work);
            shared.take_waiting();
        });
    }

    fn run_beside(self: &Arc<Self>, work: Work, control: Control) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let mut next = Some((work, control));
            // Those of its key that wait run here too, one after the other.
            while let Some((work, control)) = next {
                let turn = work.turn();
                shared.attend(work, control).await;
                next = turn.and_then(|turn| shared.order.lock().leave(&turn));
                shared.take_waiting();
            }
        });
    }

    /// Runs a request to its end, or until its caller has gone. What does the work is boxed: all of it
    /// in one future would be several KiB, which are copied on their way to the runtime.
    async fn attend(self: &Arc<Self>, work: Work, control: Control) {
        if work.served.method.server_streaming {
            let answering = Box::pin(self.answer_streaming(&work, &control));
            tokio::select! {
                () = answering => {}
                () = control.gone() => {}
            }
        } else if !(work.repeatable && control.is_gone()) {
            // Of a burst none may have run on the poll thread: what is slow is learned here too.
            let handling = Box::pin(Arc::clone(self).respond(Arc::clone(&work.opened)));
            tokio::select! {
                () = work.served.inline.first_measured(handling) => {}
                () = control.gone(), if work.repeatable => {}
            }
        }
        self.finish(&work.taken);
    }

    /// Handles a request and sends its one reply.
    async fn respond(self: Arc<Self>, work: Arc<Opened>) {
        let response = match work.left() {
            Some(budget) => self.handle(&work.served.method, &work.call, budget).await,
            None => {
                Status::deadline_exceeded("the request waited its turn for too long").into_http()
            }
        };
        let answer = Answer::collect(response, self.settings.message_limit).await;
        self.answer(&work.address, &work.served.method, answer)
            .await;
    }
}
