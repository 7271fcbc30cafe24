//! Which broker, which keys, which limits.

use std::sync::Arc;
use std::time::Duration;

use chassis::metrics::Metrics;
use rdkafka::ClientConfig;

use crate::keys::KeyRing;

#[cfg(feature = "args")]
mod args;
pub mod security;

#[cfg(feature = "args")]
pub use args::{ApplyError, BusArgs, SecurityArgs};
pub use security::{Broker, Security};

/// The largest value that the bus carries, in bytes. Kafka's own default is 1 MiB with everything;
/// this leaves room for headers and sealing.
pub const MESSAGE_LIMIT: usize = 1_000_000;

/// How often a consumer looks whether a topic was given more partitions: librdkafka's own five
/// minutes are longer than any deadline, and meanwhile nobody serves what is sent to them.
const CONSUMERS_LOOK_MS: &str = "2000";

/// How often a producer looks: later than the consumers, who are to be there first.
const PRODUCERS_LOOK_MS: &str = "10000";

/// What every part of the bus is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// How they are reached: in the clear and as nobody, or over TLS, or with a password.
    pub security: Security,
    /// Names the process in the broker's logs and metrics.
    pub client_id: String,
    /// Keeps the process's group membership across a restart (`group.instance.id`). Must be unique
    /// within the group; none makes a member that the group forgets only after the session timeout.
    pub instance_id: Option<String>,
    /// Signs and seals.
    pub keys: KeyRing,
    /// How long a fetch may wait at the broker for new records. A real broker wakes at once, so the
    /// wait costs nothing; the embedded one does not, so there it is the latency of a hop.
    pub fetch_wait: Duration,
    /// The largest value, in bytes.
    pub message_limit: usize,
    /// The topics on which records are accepted that are neither signed nor sealed: those of foreign
    /// callers. Whoever may write to them may call their methods, `INTERNAL` ones too, so the
    /// broker's own access rules have to guard them.
    pub trusted_topics: Vec<String>,
    /// Where the bus counts; `crate::metrics` names what.
    pub metrics: Metrics,
}

/// How many produce requests may await a broker's answer. What is written meanwhile goes out with
/// the next: under load records gather by themselves, and an idle connection sends at once. Not one,
/// since a request holds records of a single partition, and a slow one would hold up the others.
const CALLS_IN_FLIGHT: &str = "5";

impl Settings {
    /// Settings for a real broker.
    #[must_use]
    pub fn new(brokers: impl Into<String>, client_id: impl Into<String>, keys: KeyRing) -> Self {
        Self {
            brokers: brokers.into(),
            security: Security::default(),
            client_id: client_id.into(),
            instance_id: None,
            keys,
            fetch_wait: Duration::from_millis(500),
            message_limit: MESSAGE_LIMIT,
            trusted_topics: Vec::new(),
            metrics: Metrics::default(),
        }
    }

    fn client(&self) -> ClientConfig {
        Broker::from(self).client(&self.client_id)
    }

    /// A producer of requests and replies: a record that is lost is a call that times out, so one
    /// broker's word is enough.
    pub(crate) fn call_producer(&self) -> ClientConfig {
        let mut config = self.producer();
        config
            .set("acks", "1")
            .set("max.in.flight.requests.per.connection", CALLS_IN_FLIGHT)
            .set("delivery.report.only.error", "true")
            .set("message.timeout.ms", "10000");
        config
    }

    /// A producer of events: acknowledged means stored on every in-sync replica, once.
    pub(crate) fn event_producer(&self) -> ClientConfig {
        let mut config = self.producer();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "10000");
        config
    }

    fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("linger.ms", "0")
            .set("topic.metadata.refresh.interval.ms", PRODUCERS_LOOK_MS)
            // Where Java's and Node's clients send a key: an order holds across languages.
            .set("partitioner", "murmur2_random")
            .set("sticky.partitioning.linger.ms", "0")
            // A missing topic is reported after this, not after 30 s.
            .set("topic.metadata.propagation.max.ms", "2000")
            .set(
                "message.max.bytes",
                (self.message_limit + 64 * 1024).to_string(),
            );
        config
    }

    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("fetch.wait.max.ms", self.fetch_wait.as_millis().to_string())
            .set("topic.metadata.refresh.interval.ms", CONSUMERS_LOOK_MS)
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.error.backoff.ms", "10")
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "false");
        config
    }

    /// Shared by the parts that a process starts.
    pub(crate) fn shared(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }
}
