//! The thread that polls: it takes records, hears of rebalances, and stores what may be committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use chassis::health::Component;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;
use crate::client;
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

/// Polls for a server.
pub(super) struct Poller {
    shared: Arc<Shared>,
    consumer: BaseConsumer<Group>,
    component: Component,
    /// Nothing is fetched, since as much is being worked on as may be.
    paused: bool,
}

/// Hears of rebalances.
struct Group {
    shared: Arc<Shared>,
    component: Component,
}

impl ClientContext for Group {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if !matches!(rebalance, Rebalance::Revoke(_)) {
            return;
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

// === impl Poller ===

impl Poller {
    pub(super) fn create(shared: &Arc<Shared>, component: Component) -> Result<Self, KafkaError> {
        let mut config = shared.settings.consumer();
        config
            .set("group.id", &shared.options.group)
            .set("session.timeout.ms", SESSION_TIMEOUT)
            .set("heartbeat.interval.ms", "1500")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", COMMIT_EVERY);
        if let Some(instance) = &shared.settings.instance_id {
            config.set("group.instance.id", instance);
        }
        let group = Group {
            shared: Arc::clone(shared),
            component: component.clone(),
        };
        let consumer = config.create_with_context(group)?;
        Ok(Self {
            shared: Arc::clone(shared),
            consumer,
            component,
            paused: false,
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
        while !self.stopping() {
            self.turn();
            store(&self.shared, &self.consumer);
        }
        self.leave();
    }

    fn stopping(&self) -> bool {
        self.shared.slots.closing().is_some()
    }

    /// Waits for the topics and joins the group. False if the server stopped first.
    fn subscribe(&self) -> bool {
        let topics = self.shared.topics();
        let mut needed = topics.clone();
        needed.extend(self.shared.options.also_needs.iter().cloned());
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

    fn turn(&mut self) {
        self.pause_or_resume();
        // While paused it polls too: the group expects it, and rebalances are heard of here.
        match self
            .consumer
            .poll(if self.paused { POLL_PAUSED } else { POLL })
        {
            Some(Ok(message)) => {
                let received = Received::read(&message);
                let slot = self.shared.slots.take();
                let (topic, partition) = (received.topic, received.partition);
                let taken = self.shared.commits.take(topic, partition, received.offset);
                self.shared.dispatch(&received, taken, slot);
            }
            // librdkafka mends what it can by itself; the watch tells whether the broker answers.
            Some(Err(error)) => tracing::debug!("reading requests: {error}"),
            None => {}
        }
    }

    /// Leaves on the broker what cannot be worked on, where another replica can take it.
    fn pause_or_resume(&mut self) {
        let slots = &self.shared.slots;
        let (full, room) = (slots.are_full(), slots.have_room());
        let pause = if self.paused { !room } else { full };
        if pause == self.paused {
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
            Ok(()) => self.paused = pause,
            Err(error) => tracing::debug!("fetching was not stopped or resumed: {error}"),
        }
    }

    /// Leaves the group in order: static members never do by closing alone, and their partitions
    /// would stand still for a session timeout.
    fn leave(&self) {
        drain(&self.shared);
        store(&self.shared, &self.consumer);
        self.consumer.unsubscribe();
        let until = std::time::Instant::now() + REVOKE_DRAIN;
        while std::time::Instant::now() < until {
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
