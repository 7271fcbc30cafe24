//! The thread that polls: it takes records, and stores what may be committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use chassis::contract::Pattern;
use chassis::health::Component;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;
use super::commit::Place;
use super::group::{Group, REVOKE_DRAIN, consumer, drain, let_go, store};
use crate::client;
use crate::record::Received;
use crate::settings::Broker;
use crate::topics::dead_letter_topic;

/// The longest sleep in one poll: how soon the thread sees that it should stop.
const POLL: Duration = Duration::from_millis(200);

/// How long one poll lasts while nothing is fetched: how soon fetching goes on.
const POLL_PAUSED: Duration = Duration::from_millis(20);

/// How often librdkafka is told what may be committed: more often than it commits, less often than
/// records are finished.
const STORE_EVERY: Duration = Duration::from_millis(50);

/// Polls for a server.
pub(super) struct Poller {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<Group>>,
    component: Component,
}

fn list(places: &[Place]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

// === impl Poller ===

impl Poller {
    pub(super) fn create(shared: &Arc<Shared>, component: Component) -> Result<Self, KafkaError> {
        let consumer = consumer(shared, &component, shared.settings.instance_id.as_deref())?;
        Ok(Self {
            shared: Arc::clone(shared),
            consumer,
            component,
        })
    }

    pub(super) fn spawn(self) -> JoinHandle<()> {
        std::thread::Builder::new()
            .name("bus-requests".into())
            .spawn(move || self.run())
            .expect("the system refuses a thread at start, where nothing can be served without it")
    }

    fn run(mut self) {
        if !self.subscribe() {
            return;
        }
        // Handlers that are quick run on this thread, and may use the runtime.
        let runtime = self.shared.runtime.clone();
        let _entered = runtime.enter();
        let mut stored = Instant::now();
        while !self.stopping() {
            if let Some(fatal) = self.turn() {
                self.replace(fatal);
            }
            self.shared.commit_waiting(&self.consumer);
            if stored.elapsed() >= STORE_EVERY {
                store(&self.shared, &self.consumer);
                let uncommitted = i64::try_from(self.shared.commits.uncommitted());
                let gauge = &self.shared.metrics.uncommitted;
                gauge.set(uncommitted.unwrap_or(i64::MAX));
                stored = Instant::now();
            }
        }
        self.leave();
    }

    /// Goes on with a new consumer after an error that ended the old one. The common one is that
    /// another process took this one's instance id; without it, both have a place in the group.
    fn replace(&mut self, fatal: RDKafkaErrorCode) {
        let instance = self
            .shared
            .settings
            .instance_id
            .as_deref()
            .unwrap_or("none");
        tracing::error!(
            instance,
            "the group has expelled this member ({fatal}); it joins again without an instance id. \
             Give each process an INSTANCE_ID of its own, or none"
        );
        self.component
            .down(format!("the group has expelled this member ({fatal})"));
        self.shared.assigned.store(false, Ordering::Release);
        self.shared.pauses.lock().revoke();
        let_go(&self.shared);
        self.shared.commits.next_epoch();
        while !self.stopping() {
            match consumer(&self.shared, &self.component, None) {
                Ok(consumer) => {
                    self.consumer = consumer;
                    self.subscribe();
                    return;
                }
                Err(error) => self.component.down(error.to_string()),
            }
            std::thread::park_timeout(client::ASK_AGAIN);
        }
    }

    fn stopping(&self) -> bool {
        self.shared.slots.closing().is_some()
    }

    /// Waits for the topics and joins the group. False if the server stopped first.
    fn subscribe(&self) -> bool {
        let topics = self.shared.topics();
        let mut needed = topics.clone();
        needed.extend(self.shared.options.also_needs.iter().cloned());
        let events = self.shared.methods();
        let events = events.filter(|method| method.pattern == Pattern::Event);
        needed.extend(events.map(|method| dead_letter_topic(&method.topic)));
        let broker = Broker::from(&*self.shared.settings);
        while !self.stopping() {
            let joined =
                client::partitions(self.consumer.client(), &broker, &needed).and_then(|_| {
                    let names: Vec<_> = topics.iter().map(String::as_str).collect();
                    self.consumer
                        .subscribe(&names)
                        .map_err(|error| error.to_string())
                });
            match joined {
                Ok(()) => return true,
                Err(reason) => self.component.down(reason),
            }
            std::thread::park_timeout(client::ASK_AGAIN);
        }
        false
    }

    /// Takes one record, if there is one. An error after which librdkafka's consumer is of no more
    /// use is given back.
    fn turn(&self) -> Option<RDKafkaErrorCode> {
        self.pause_or_resume();
        let waiting = self.consumer.poll(Duration::ZERO);
        let awaited = waiting.is_none();
        match waiting.or_else(|| self.consumer.poll(self.patience())) {
            Some(Ok(message)) => {
                let received = Received::read(&message);
                if self.put_off(&received) {
                    return None;
                }
                let topic = self.shared.topic(received.topic);
                let (partition, offset) = (received.partition, received.offset);
                let taken = self.shared.commits.take(&topic, partition, offset);
                self.shared.dispatch(&received, taken, awaited);
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => return Some(code),
            // librdkafka mends what it can by itself; the watch tells whether the broker answers.
            Some(Err(error)) => {
                if client::is_denial(&error) {
                    self.denied(&error);
                }
                tracing::debug!("reading requests: {error}");
            }
            None => {}
        }
        None
    }

    /// The watch does not see that an access rule is missing.
    fn denied(&self, error: &KafkaError) {
        let Shared {
            settings, options, ..
        } = &*self.shared;
        let topics = self.shared.topics();
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        let broker = Broker::from(&**settings);
        if let Some(reason) = client::denied_by(&broker, error, &topics, &options.group) {
            self.component.down(reason);
        }
    }

    /// How long a poll may last. While all is paused it polls too: the group expects it, and
    /// rebalances are heard of here.
    fn patience(&self) -> Duration {
        let pauses = self.shared.pauses.lock();
        let poll = if pauses.is_full() { POLL_PAUSED } else { POLL };
        let due = pauses
            .next_due()
            .map(|due| due.saturating_duration_since(Instant::now()));
        // Rounded up, or the last millisecond would be spent asking again and again.
        due.map_or(poll, |due| poll.min(due + Duration::from_millis(1)))
    }

    /// Leaves a record that is not due on the broker, and the partition with it: whatever is behind
    /// it is due later. Says whether it did.
    fn put_off(&self, received: &Received<'_>) -> bool {
        let Some(wait) = self.shared.not_due(received, SystemTime::now()) else {
            return false;
        };
        let place = (self.shared.topic(received.topic), received.partition);
        {
            let mut pauses = self.shared.pauses.lock();
            if pauses.was_held(&place, received.offset) {
                return false;
            }
            pauses.hold(place.clone(), received.offset, Instant::now() + wait);
        }
        self.pause_or_resume();
        let offset = Offset::Offset(received.offset);
        match self
            .consumer
            .seek(&place.0, place.1, offset, client::ASK_TIMEOUT)
        {
            Ok(()) => true,
            Err(error) => {
                // It is in hand and cannot be put back: too early is better than never.
                tracing::warn!(
                    topic = received.topic,
                    "an event is tried again too early: {error}"
                );
                self.shared.pauses.lock().let_go(&place);
                false
            }
        }
    }

    /// Leaves on the broker what cannot be worked on, where another replica can take it.
    fn pause_or_resume(&self) {
        let change = {
            let Shared { slots, parked, .. } = &*self.shared;
            let backlog = self.shared.backlog.lock();
            let mut pauses = self.shared.pauses.lock();
            let full = if pauses.is_full() {
                !(slots.have_room() && backlog.has_room())
            } else {
                slots.are_over_full() || backlog.is_full()
            };
            drop(backlog);
            pauses.set_full(full);
            for place in parked.places().iter().chain(&pauses.crowded()) {
                let crowded = parked.is_crowded(place, pauses.is_crowded(place));
                pauses.set_crowded(place, crowded);
            }
            pauses.change(Instant::now())
        };
        if !change.pause.is_empty()
            && let Err(error) = self.consumer.pause(&list(&change.pause))
        {
            tracing::error!("fetching was not stopped: {error}");
        }
        if !change.resume.is_empty()
            && let Err(error) = self.consumer.resume(&list(&change.resume))
        {
            tracing::error!("fetching was not resumed: {error}");
        }
    }

    /// Leaves the group in order: static members never do by closing alone, and their partitions
    /// would stand still for a session timeout.
    fn leave(&self) {
        drain(&self.shared);
        store(&self.shared, &self.consumer);
        self.consumer.unsubscribe();
        let until = Instant::now() + REVOKE_DRAIN;
        while Instant::now() < until {
            // Polling runs the revocation, which commits.
            let _ = self.consumer.poll(Duration::from_millis(20));
            if self
                .consumer
                .assignment()
                .is_ok_and(|assigned| assigned.count() == 0)
            {
                break;
            }
        }
    }
}
