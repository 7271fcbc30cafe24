//! The thread that polls: it takes records, hears of rebalances, and stores what may be committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chassis::contract::Pattern;
use chassis::health::Component;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;
use crate::client;
use crate::header::DEAD_LETTER_SUFFIX;
use crate::record::Received;

/// The longest sleep in one poll: how soon the thread sees that it should stop.
const POLL: Duration = Duration::from_millis(200);

/// How long a revoked partition's work may take to finish: the others of the group wait for it.
const REVOKE_DRAIN: Duration = Duration::from_secs(2);

/// How long work may take to finish however late the stop is.
const AT_LEAST: Duration = Duration::from_millis(100);

/// How long one poll lasts while nothing is fetched: how soon fetching goes on.
const POLL_PAUSED: Duration = Duration::from_millis(20);

/// After this long without a sign of life a member that has no instance id is given up.
const SESSION_TIMEOUT: &str = "6000";

/// How often offsets are committed, in the background: never on a call's path.
const COMMIT_EVERY: &str = "500";

/// How often librdkafka is told what may be committed: more often than it commits, less often than
/// records are finished.
const STORE_EVERY: Duration = Duration::from_millis(50);

/// Polls for a server.
pub(super) struct Poller {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<Group>>,
    component: Component,
}

/// Hears of rebalances.
pub(super) struct Group {
    shared: Arc<Shared>,
    component: Component,
}

impl ClientContext for Group {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(revoked) = rebalance else {
            return;
        };
        self.shared.assigned.store(false, Ordering::Release);
        // librdkafka keeps a partition paused while it is elsewhere: when it came back it would
        // never be read again.
        if self.shared.paused.swap(false, Ordering::AcqRel)
            && let Err(error) = consumer.resume(revoked)
        {
            tracing::error!("fetching was not resumed before a rebalance: {error}");
        }
        drain(&self.shared);
        store(&self.shared, consumer);
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            // What was not committed is delivered again, to whoever gets the partition.
            Err(error) => tracing::warn!("offsets were not committed before a rebalance: {error}"),
        }
        self.shared.commits.next_epoch();
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            tracing::debug!(
                partitions = partitions.count(),
                "the group gave this member its share"
            );
            self.shared.assigned.store(true, Ordering::Release);
            self.component.up();
        }
    }
}

/// Waits for what runs; what only waits to be tried again is left to the next owner.
fn drain(shared: &Shared) {
    shared.commits.end_waiting();
    shared.backlog.lock().clear();
    shared.commit_no_more();
    let patience = shared
        .slots
        .closing()
        .map_or(REVOKE_DRAIN, |left| left.max(AT_LEAST));
    if !shared.slots.drain(patience) {
        let left = shared.slots.used();
        tracing::warn!(
            left,
            "some records were not finished in time; they will be delivered again"
        );
    }
}

/// Tells librdkafka what the next background commit should say.
fn store(shared: &Shared, consumer: &BaseConsumer<Group>) {
    let ready = shared.commits.ready();
    if ready.is_empty() {
        return;
    }
    let mut offsets = TopicPartitionList::new();
    for ((topic, partition), offset) in ready {
        // A committed offset is the next one to read.
        if let Err(error) =
            offsets.add_partition_offset(&topic, partition, Offset::Offset(offset + 1))
        {
            tracing::error!("an offset cannot be committed: {error}");
        }
    }
    if let Err(error) = consumer.store_offsets(&offsets) {
        // The partition went elsewhere meanwhile; its new owner handles the records again.
        tracing::debug!("offsets were not stored: {error}");
    }
}

/// A consumer in the server's group; with an `instance`, one whose membership survives a restart.
fn consumer(
    shared: &Arc<Shared>,
    component: &Component,
    instance: Option<&str>,
) -> Result<Arc<BaseConsumer<Group>>, KafkaError> {
    let mut config = shared.settings.consumer();
    config
        .set("group.id", &shared.options.group)
        .set("session.timeout.ms", SESSION_TIMEOUT)
        .set("heartbeat.interval.ms", "1500")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", COMMIT_EVERY);
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    let group = Group {
        shared: Arc::clone(shared),
        component: component.clone(),
    };
    config.create_with_context(group).map(Arc::new)
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
        self.shared.paused.store(false, Ordering::Release);
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
        needed.extend(events.map(|method| format!("{}{DEAD_LETTER_SUFFIX}", method.topic)));
        let brokers = &self.shared.settings.brokers;
        while !self.stopping() {
            let joined =
                client::partitions(self.consumer.client(), brokers, &needed).and_then(|_| {
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
        // While paused it polls too: the group expects it, and rebalances are heard of here.
        let paused = self.shared.paused.load(Ordering::Acquire);
        match self.consumer.poll(if paused { POLL_PAUSED } else { POLL }) {
            Some(Ok(message)) => {
                let received = Received::read(&message);
                let topic = self.shared.topic(received.topic);
                let (partition, offset) = (received.partition, received.offset);
                let taken = self.shared.commits.take(&topic, partition, offset);
                self.shared.dispatch(&received, taken);
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => return Some(code),
            // librdkafka mends what it can by itself; the watch tells whether the broker answers.
            Some(Err(error)) => tracing::debug!("reading requests: {error}"),
            None => {}
        }
        None
    }

    /// Leaves on the broker what cannot be worked on, where another replica can take it.
    fn pause_or_resume(&self) {
        let (slots, backlog) = (&self.shared.slots, self.shared.backlog.lock());
        let paused = self.shared.paused.load(Ordering::Acquire);
        let pause = if paused {
            !(slots.have_room() && backlog.has_room())
        } else {
            slots.are_over_full() || backlog.is_full()
        };
        drop(backlog);
        if pause == paused {
            return;
        }
        let assigned = match self.consumer.assignment() {
            Ok(assigned) => assigned,
            Err(error) => return tracing::debug!("the assignment is not known: {error}"),
        };
        let done = if pause {
            self.consumer.pause(&assigned)
        } else {
            self.consumer.resume(&assigned)
        };
        match done {
            Ok(()) => self.shared.paused.store(pause, Ordering::Release),
            Err(error) => tracing::debug!("fetching was not stopped or resumed: {error}"),
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
