//! The thread that reads replies.
//!
//! It resolves the pending map itself, so that between the broker and the caller there is one
//! hand-off. It also sends a ping through its own partition every few seconds: the channel is ready
//! while the pings come back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use chassis::contract::Pattern;
use chassis::health::Component;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::reply::Reply;
use super::request::{call_number, correlation_id, mark};
use super::{Shared, producer};
use crate::client;
use crate::header;
use crate::producer::Lane;
use crate::record::{Outgoing, Received, millis};
use crate::settings::Broker;

/// How often a ping is sent. Two hops tell whether the reply path is whole.
const PING_EVERY: Duration = Duration::from_secs(3);

/// How often a ping is sent while none has come back.
const PING_AGAIN: Duration = Duration::from_millis(500);

/// After this long without a ping the reply path is broken.
const PING_LOST: Duration = Duration::from_secs(8);

/// The longest that the thread sleeps in one poll: how soon it sees that it should stop.
const POLL: Duration = Duration::from_millis(200);

/// The number that no call has.
const PING: u64 = 0;

/// The number that no call has either: the first record on each request topic.
const HELLO: u64 = u64::MAX;

/// How long the workers that answer may take to: they may be away, and then the first calls are
/// slower.
const HELLO_WAIT: Duration = Duration::from_millis(250);

/// The most partitions of one topic that are greeted.
const GREETED: i32 = 16;

/// How long a hello is worth an answer.
const HELLO_TIMEOUT: &[u8] = b"1S";

/// Reads the reply partition of a channel.
pub(super) struct Reader {
    shared: Arc<Shared>,
    consumer: BaseConsumer<Quiet>,
    component: Component,
    last_ping: Option<Instant>,
    ping_sent: Instant,
    next_ping: Instant,
    /// How many hellos are not answered, and until when that matters.
    greeted: usize,
    greeting_until: Option<Instant>,
}

/// Leaves it to [`Component`] to say that the broker is away.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

// === impl Reader ===

impl Reader {
    pub(super) fn create(shared: &Arc<Shared>, component: Component) -> Result<Self, KafkaError> {
        let consumer = shared
            .settings
            .consumer()
            // Required by librdkafka, though nothing is ever committed.
            .set("group.id", &shared.reply_topic)
            .set("enable.auto.commit", "false")
            .create_with_context(Quiet)?;
        let shared = Arc::clone(shared);
        Ok(Self {
            shared,
            consumer,
            component,
            last_ping: None,
            ping_sent: Instant::now(),
            next_ping: Instant::now(),
            greeted: 0,
            greeting_until: None,
        })
    }

    pub(super) fn spawn(mut self) -> JoinHandle<()> {
        let run = move || {
            if self.assign() {
                while !self.stopped() {
                    self.turn();
                }
            }
        };
        std::thread::Builder::new()
            .name("bus-replies".into())
            .spawn(run)
            .expect("the system refuses a thread at start, where nothing can be served without it")
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Waits for the topics and takes the reply partition. False if the channel stopped first.
    fn assign(&mut self) -> bool {
        while !self.stopped() {
            match self.try_assign() {
                Ok(()) => return true,
                Err(reason) => self.component.down(reason),
            }
            std::thread::park_timeout(client::ASK_AGAIN);
        }
        false
    }

    fn try_assign(&self) -> Result<(), String> {
        let shared = &self.shared;
        let broker = Broker::from(&*shared.settings);
        let mut topics = vec![shared.reply_topic.clone()];
        let methods = shared.contract.methods();
        topics.extend(methods.iter().map(|method| method.topic.clone()));
        let counts = client::partitions(self.consumer.client(), &broker, &topics)?;
        for (topic, count) in topics.iter().zip(&counts) {
            shared.partitions.set(topic, *count);
        }
        let count = u64::try_from(counts.first().copied().unwrap_or(1))
            .unwrap_or(1)
            .max(1);
        let partition = i32::try_from(shared.pending.channel_id() % count).unwrap_or_default();
        // A number and not `Offset::End`, which is resolved late and could skip the first reply.
        let (_, end) = self
            .consumer
            .fetch_watermarks(&shared.reply_topic, partition, client::ASK_TIMEOUT)
            .map_err(|error| client::no_broker(&broker, &error))?;
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&shared.reply_topic, partition, Offset::Offset(end))
            .and_then(|()| self.consumer.assign(&assignment))
            .map_err(|error| error.to_string())?;
        shared.reply_partition.store(partition, Ordering::Release);
        Ok(())
    }

    fn turn(&mut self) {
        let now = Instant::now();
        if now >= self.next_ping {
            self.ping(now);
        }
        let mut until = self.next_ping;
        if let Some(greeting_until) = self.greeting_until {
            if self.greeted == 0 || now >= greeting_until {
                self.be_ready();
            } else {
                until = until.min(greeting_until);
            }
        }
        match self
            .consumer
            .poll(POLL.min(until.saturating_duration_since(now)))
        {
            Some(Ok(message)) => {
                let received = Received::read(&message);
                match resolve(&self.shared, &received) {
                    Some(PING) => self.pinged(),
                    Some(_) => self.greeted = self.greeted.saturating_sub(1),
                    None => {}
                }
            }
            // The ping tells whether the path is whole; librdkafka mends what it can by itself.
            Some(Err(error)) => {
                if client::is_denial(&error) {
                    self.denied(&error);
                }
                tracing::debug!("reading replies: {error}");
            }
            None => {}
        }
    }

    /// The ping does not say that an access rule is missing. The group has the reply topic's name.
    fn denied(&self, error: &KafkaError) {
        let topic = self.shared.reply_topic.as_str();
        let broker = Broker::from(&*self.shared.settings);
        if let Some(reason) = client::denied_by(&broker, error, &[topic], topic) {
            self.component.down(reason);
        }
    }

    fn pinged(&mut self) {
        let metrics = &self.shared.metrics;
        metrics.ping.observe(self.ping_sent.elapsed().as_secs_f64());
        let pending = i64::try_from(self.shared.pending.len());
        metrics.pending.set(pending.unwrap_or(i64::MAX));
        let first = self.last_ping.is_none();
        self.last_ping = Some(Instant::now());
        if first {
            self.greet();
        } else if self.greeting_until.is_none() {
            self.be_ready();
        }
    }

    fn be_ready(&mut self) {
        self.greeting_until = None;
        self.shared.ready.store(true, Ordering::Release);
        self.component.up();
    }

    /// Says hello to the workers of each topic, on each lane, so that both ends know each other's
    /// partitions and are connected to their brokers before the first call: it would have to wait
    /// otherwise.
    fn greet(&mut self) {
        let shared = &self.shared;
        let methods = shared.contract.methods().into_iter();
        for method in methods.filter(|method| method.pattern == Pattern::RequestReply) {
            let partitions = shared.partitions.count(&method.topic).min(GREETED);
            for partition in 0..partitions {
                for lane in [Lane::Swift, Lane::Gathering] {
                    let mut record = shared.control(method, partition, HELLO);
                    mark(&mut record, lane);
                    record.header(header::TIMEOUT, HELLO_TIMEOUT);
                    record.header(header::HELLO, b"1".as_slice());
                    shared.settings.keys.sign(&mut record);
                    match producer::send(&shared.producer, lane, &record, HELLO) {
                        Ok(()) => self.greeted += 1,
                        Err(status) => tracing::debug!("no hello was sent: {}", status.message()),
                    }
                }
            }
        }
        self.greeting_until = Some(Instant::now() + HELLO_WAIT);
    }

    /// The partition was made anew if it ends before what was read of it: it is read from its
    /// beginning, which librdkafka would not do by itself.
    fn look_for_a_new_partition(&self) {
        let shared = &self.shared;
        let (topic, partition) = (
            &shared.reply_topic,
            shared.reply_partition.load(Ordering::Acquire),
        );
        let known = self.consumer.position().ok();
        let position = known
            .as_ref()
            .and_then(|known| known.find_partition(topic, partition));
        let position = position.and_then(|element| element.offset().to_raw());
        let watermarks = self
            .consumer
            .fetch_watermarks(topic, partition, client::ASK_TIMEOUT);
        let Ok((low, high)) = watermarks else {
            return;
        };
        if position.is_some_and(|position| (low..=high).contains(&position)) {
            return;
        }
        let mut assignment = TopicPartitionList::new();
        let assigned = assignment
            .add_partition_offset(topic, partition, Offset::Offset(low))
            .and_then(|()| self.consumer.assign(&assignment));
        match assigned {
            Ok(()) => tracing::warn!("{topic} was made anew and is read from its beginning"),
            Err(error) => tracing::error!("{topic} cannot be read: {error}"),
        }
    }

    fn ping(&mut self, now: Instant) {
        let shared = &self.shared;
        if self
            .last_ping
            .is_none_or(|last| now.duration_since(last) > PING_LOST)
        {
            if self.last_ping.is_some() {
                shared.ready.store(false, Ordering::Release);
                let brokers = &shared.settings.brokers;
                self.component.down(format!(
                    "no ping has come back through {} at {brokers} for {} s",
                    shared.reply_topic,
                    PING_LOST.as_secs()
                ));
                self.look_for_a_new_partition();
            }
            self.next_ping = now + PING_AGAIN;
        } else {
            self.next_ping = now + PING_EVERY;
        }
        self.ping_sent = now;
        let time_ms = millis(SystemTime::now());
        let mut record = Outgoing::new(shared.reply_topic.clone(), time_ms, Bytes::new());
        record.partition = Some(shared.reply_partition.load(Ordering::Acquire));
        record.header(
            header::CORRELATION_ID,
            correlation_id(shared.pending.channel_id(), PING),
        );
        record.header(header::STATUS, b"0".as_slice());
        shared.settings.keys.sign(&mut record);
        if let Err(status) = producer::send(&shared.producer, Lane::Swift, &record, PING) {
            tracing::debug!("the ping was not sent: {}", status.message());
        }
    }
}

/// Hands a record of the reply partition to its caller. Gives the number of a record that no
/// caller waits for: the ping, or the answer to a hello.
fn resolve(shared: &Shared, received: &Received<'_>) -> Option<u64> {
    let id = received.header(header::CORRELATION_ID).unwrap_or_default();
    let number = call_number(shared.pending.channel_id(), id)?;
    // A reply that did not come from one of ours is passed over: the true one may still come.
    if let Err(refused) = shared.settings.keys.verify(received) {
        tracing::warn!(offset = received.offset, "a reply was refused: {refused}");
        return None;
    }
    if number == PING || number == HELLO {
        return Some(number);
    }
    let reply = Reply::open(received, &shared.settings.keys);
    shared.pending.resolve(number, reply);
    None
}
