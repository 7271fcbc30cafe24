//! Handling events: at least once, one after the other of a key, again while the reason may pass,
//! set aside when not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chassis::contract::{Method, Retry};
use tonic::{Code, Status};

use super::Shared;
use super::commit::Taken;
use super::dialect::Dialect;
use super::dispatch::calls;
use super::request::Call;
use super::slots::Slot;
use super::work::{Served, Turn};
use crate::event::PublishError;
use crate::header::dead_letter;
use crate::record::{Received, millis};
use original::{Copy, Original};
use parked::Parking;
use policy::{Next, next};

mod original;
pub(super) mod parked;
mod policy;

/// The first pause before sending a copy of a record again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How much longer a record that is not due may be left, so that those behind it that are due a
/// moment later come with it: each look at the topic costs a fetch.
const SLACK: Duration = Duration::from_millis(100);

/// An event that was taken.
pub(super) struct Event {
    original: Original,
    /// What to handle it with, or why it cannot be.
    opened: Result<(Arc<Method>, Call), Status>,
    taken: Taken,
}

/// An event that waits behind another of its key.
pub(super) struct Waiting(
    Event,
    #[expect(dead_code, reason = "counts while it is")] Parking,
);

/// The partition goes elsewhere: its next owner handles the event.
struct Abandoned;

impl Shared {
    pub(super) fn dispatch_event(
        self: &Arc<Self>,
        served: &Served,
        received: &Received<'_>,
        taken: Taken,
        slot: Slot,
    ) {
        let method = &served.method;
        let opened = Dialect::of(received, &self.settings)
            .map_err(|refused| Status::unauthenticated(refused.to_string()))
            .and_then(|dialect| {
                calls(method, received, dialect)?;
                let keys = &self.settings.keys;
                let call = Call::open(received, dialect, served, keys, method.deadline)?;
                Ok((Arc::clone(method), call))
            });
        let event = Event {
            original: Original::of(received),
            opened,
            taken,
        };
        let Some(key) = event.turn() else {
            let shared = Arc::clone(self);
            self.runtime.spawn(async move {
                shared.finish_event(event, slot).await;
            });
            return;
        };
        let parking = self.parked.enter(&event.taken.place);
        let entered = Waiting(event, parking);
        let first = self.events_in_order.lock().enter(key.clone(), entered);
        let Some(Waiting(first, _)) = first else {
            return self.give_back(slot);
        };
        let shared = Arc::clone(self);
        self.runtime
            .spawn(async move { shared.run_key(key, first, slot).await });
    }

    /// Handles the events of one key, until none of it waits.
    async fn run_key(self: Arc<Self>, key: Turn, mut event: Event, mut slot: Slot) {
        loop {
            self.finish_event(event, slot).await;
            let Some(Waiting(next, _)) = self.events_in_order.lock().leave(&key) else {
                return;
            };
            slot = self.slots.take();
            event = next;
        }
    }

    /// Handles an event, or leaves it to somebody else. What is abandoned stays uncommitted, for the
    /// partition's next owner.
    async fn finish_event(self: &Arc<Self>, event: Event, slot: Slot) {
        let mut slot = Some(slot);
        if !event.taken.ending.is_cancelled() && self.handle_event(&event, &mut slot).await.is_ok()
        {
            self.finish(&event.taken);
        }
        if let Some(slot) = slot {
            self.give_back(slot);
        }
    }

    /// Gives a slot back, to a call that waits for one if there is any.
    fn give_back(self: &Arc<Self>, slot: Slot) {
        drop(slot);
        self.take_waiting();
    }

    /// Handles an event until it succeeds, waits on another topic, or is set aside. Until then it is
    /// uncommitted: if the process ends, the next one takes it.
    async fn handle_event(
        self: &Arc<Self>,
        event: &Event,
        slot: &mut Option<Slot>,
    ) -> Result<(), Abandoned> {
        let (method, call) = match &event.opened {
            Ok(opened) => opened,
            Err(status) => return self.set_aside(event, status, 0, slot).await,
        };
        let before = event.original.tier;
        for attempts in before + 1.. {
            let response = self.handle(method, call, call.budget()).await;
            let status = Status::from_header_map(response.headers());
            let Some(status) = status.filter(|status| status.code() != Code::Ok) else {
                break;
            };
            let next = next(&method.retry, status.code(), attempts);
            let counted = u32::try_from(attempts).unwrap_or(u32::MAX);
            report(method, call, &status, attempts, &next);
            if next != Next::SetAside {
                self.metrics.retries.inc();
            }
            match next {
                Next::Again(pause) => self.park(pause, event, slot).await?,
                Next::Later(tier, pause) => {
                    let due = millis(SystemTime::now() + pause);
                    let copy = event.original.later(tier, due, &status, counted);
                    match self
                        .send_copy(event, &copy, &event.original.value, slot)
                        .await?
                    {
                        Ok(()) => return Ok(()),
                        Err(TooLarge) => {
                            return self.set_aside(event, &status, counted, slot).await;
                        }
                    }
                }
                Next::SetAside => return self.set_aside(event, &status, counted, slot).await,
            }
        }
        Ok(())
    }

    /// Copies a record to its dead-letter topic, byte for byte, with the reason in headers.
    async fn set_aside(
        self: &Arc<Self>,
        event: &Event,
        status: &Status,
        attempts: u32,
        slot: &mut Option<Slot>,
    ) -> Result<(), Abandoned> {
        let original = &event.original;
        let dead = original.dead(status, attempts);
        if let Err(TooLarge) = self.send_copy(event, &dead, &original.value, slot).await? {
            let dead = original.dead_without_content(status, attempts);
            if let Err(TooLarge) = self.send_copy(event, &dead, &[], slot).await? {
                tracing::error!("{} does not even take the reason; it is lost", dead.topic);
            }
        }
        self.metrics.dead_letters.inc();
        tracing::error!(
            topic = original.topic,
            tier = original.tier,
            partition = original.partition,
            offset = original.offset,
            attempts,
            "an event was set aside on {}: {}",
            dead.topic,
            status.message()
        );
        Ok(())
    }

    /// Sends a copy of a record, however long the broker is away: meanwhile the record is
    /// uncommitted where it is, and nothing is lost.
    async fn send_copy(
        self: &Arc<Self>,
        event: &Event,
        copy: &Copy,
        value: &[u8],
        slot: &mut Option<Slot>,
    ) -> Result<Result<(), TooLarge>, Abandoned> {
        let mut pause = FIRST_PAUSE;
        loop {
            let headers = copy
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()));
            let (key, time) = (event.original.key.as_deref(), event.original.time_ms);
            match self
                .events
                .send(&copy.topic, key, time, headers, value)
                .await
            {
                Ok(()) => return Ok(Ok(())),
                Err(PublishError::TooLarge(_)) => return Ok(Err(TooLarge)),
                Err(error) => tracing::error!("an event is kept back: {error}"),
            }
            self.park(pause, event, slot).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits, without a slot, as long as the partition is this member's.
    async fn park(
        self: &Arc<Self>,
        pause: Duration,
        event: &Event,
        slot: &mut Option<Slot>,
    ) -> Result<(), Abandoned> {
        let parking = self.parked.enter(&event.taken.place);
        if let Some(slot) = slot.take() {
            self.give_back(slot);
        }
        let over = tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = event.taken.ending.cancelled() => Err(Abandoned),
        };
        drop(parking);
        *slot = Some(self.slots.take());
        over
    }

    /// How long to leave a record of a retry topic there; `None` if it is due.
    pub(super) fn not_due(&self, received: &Received<'_>, now: SystemTime) -> Option<Duration> {
        let (topic, tier) = received.origin();
        let index = tier.checked_sub(1)?;
        let served = self.served.get(topic)?;
        let Retry::Tiers(pauses) = &served.method.retry else {
            return None;
        };
        let due = received.header(dead_letter::DUE)?;
        let due = i64::from_be_bytes(due.try_into().ok()?);
        let wait = u64::try_from(due.saturating_sub(millis(now))).ok()?;
        // The header is not signed, and clocks differ: nothing waits longer than the contract says.
        let pause = *pauses.get(index)?;
        let wait = Duration::from_millis(wait).min(pause);
        (!wait.is_zero()).then(|| wait + (pause / 10).min(SLACK))
    }
}

/// The broker does not take the record.
struct TooLarge;

impl Event {
    /// What keeps events in order; nothing does on a retry topic.
    fn turn(&self) -> Option<Turn> {
        let key = self.original.key.as_ref().filter(|key| !key.is_empty())?;
        (self.original.tier == 0).then(|| (Arc::clone(&self.taken.place.0), key.clone()))
    }
}

/// One line for the first failure of an event; an outage fails many of them, again and again.
fn report(method: &Method, call: &Call, status: &Status, attempt: usize, next: &Next) {
    let (path, id, message) = (&method.path, call.id(), status.message());
    match next {
        Next::SetAside => {}
        Next::Again(pause) | Next::Later(_, pause) if attempt == 1 => tracing::warn!(
            method = path,
            event.id = id,
            pause_ms = pause.as_millis(),
            "an event failed and will be tried again: {message}"
        ),
        Next::Again(pause) | Next::Later(_, pause) => tracing::debug!(
            method = path,
            event.id = id,
            attempt,
            pause_ms = pause.as_millis(),
            "an event failed again: {message}"
        ),
    }
}
