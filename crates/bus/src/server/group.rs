//! Membership in the group: how it is kept, and what happens when partitions come and go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chassis::health::Component;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;

/// How long a revoked partition's work may take to finish: the others of the group wait for it.
pub(super) const REVOKE_DRAIN: Duration = Duration::from_secs(2);

/// How long work may take to finish however late the stop is.
const AT_LEAST: Duration = Duration::from_millis(100);

/// After this long without a sign of life a member that has no instance id is given up.
const SESSION_TIMEOUT: &str = "6000";

/// How often a member shows that it lives. It is also how soon it hears that another joined or left.
/// At 500 ms the embedded broker keeps a group that changes from settling.
const HEARTBEAT: &str = "1500";

/// How often offsets are committed, in the background: never on a call's path.
const COMMIT_EVERY: &str = "500";

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
        let paused = self.shared.pauses.lock().revoke();
        if !paused.is_empty()
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
            let places = partitions.elements();
            let places = places
                .iter()
                .map(|place| (self.shared.topic(place.topic()), place.partition()));
            self.shared.pauses.lock().assign(places.collect());
            self.shared.assigned.store(true, Ordering::Release);
            self.component.up();
        }
    }
}

/// Leaves to the next owner what waits: to be tried again, for a slot, for a commit.
pub(super) fn let_go(shared: &Shared) {
    shared.commits.end_waiting();
    shared.backlog.lock().clear();
    shared.commit_no_more();
}

/// Waits for what runs; what only waits is left to the next owner.
pub(super) fn drain(shared: &Shared) {
    let_go(shared);
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
pub(super) fn store(shared: &Shared, consumer: &BaseConsumer<Group>) {
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
pub(super) fn consumer(
    shared: &Arc<Shared>,
    component: &Component,
    instance: Option<&str>,
) -> Result<Arc<BaseConsumer<Group>>, KafkaError> {
    let mut config = shared.settings.consumer();
    config
        .set("group.id", &shared.options.group)
        .set("session.timeout.ms", SESSION_TIMEOUT)
        .set("heartbeat.interval.ms", HEARTBEAT)
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
