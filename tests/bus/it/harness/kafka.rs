//! Kafka, read, written and changed as any stranger could.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::wait::{PATIENCE, eventually};

/// How long one question may take.
const ASK: Duration = Duration::from_secs(10);

/// A broker's address.
#[derive(Debug, Clone)]
pub(crate) struct Kafka(pub(crate) String);

/// A record as it is on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) time_ms: i64,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// `None` is Kafka's null.
    pub(crate) value: Option<Vec<u8>>,
}

// === impl Raw ===

impl Raw {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether it is a call, and not what a channel says beside its calls.
    pub(crate) fn is_call(&self) -> bool {
        self.header(bus::header::CONTENT_TYPE).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.header(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }
}

// === impl Kafka ===

impl Kafka {
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.0)
            .set("topic.metadata.refresh.interval.ms", "500")
            .set("message.timeout.ms", "20000");
        config
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        config.create().unwrap()
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    /// The node id of the broker that leads a partition.
    pub(crate) async fn leader(&self, topic: &str, partition: i32) -> i32 {
        let consumer = self.consumer("cases");
        let look = async || {
            let metadata = consumer.fetch_metadata(Some(topic), ASK).ok()?;
            let topic = metadata.topics().iter().find(|told| told.name() == topic)?;
            let partitions = topic.partitions().iter();
            let told = partitions.filter(|told| told.id() == partition);
            told.map(rdkafka::metadata::MetadataPartition::leader)
                .find(|leader| *leader >= 0)
        };
        eventually("a leader", PATIENCE, look).await.0
    }

    /// The records of a topic, up to what is there now.
    pub(crate) async fn records(&self, topic: &str) -> Vec<Raw> {
        let (kafka, topic) = (self.clone(), topic.to_owned());
        let read = move || kafka.read(&topic);
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
        let metadata = consumer.fetch_metadata(Some(topic), ASK).unwrap();
        let topics = metadata.topics().iter();
        let partitions = topics.flat_map(|topic| topic.partitions().iter());
        partitions
            .map(rdkafka::metadata::MetadataPartition::id)
            .collect()
    }

    fn read(&self, topic: &str) -> Vec<Raw> {
        let consumer = self.consumer("cases");
        let mut assignment = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for id in Self::partitions(&consumer, topic) {
            let (low, high) = consumer.fetch_watermarks(topic, id, ASK).unwrap();
            if high > low {
                assignment
                    .add_partition_offset(topic, id, Offset::Offset(low))
                    .unwrap();
                ends.insert(id, high);
            }
        }
        consumer.assign(&assignment).unwrap();
        let until = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        while !ends.is_empty() {
            assert!(Instant::now() < until, "{topic} was not read: {ends:?}");
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let (partition, offset) = (message.partition(), message.offset());
            if ends.get(&partition).is_none_or(|end| offset >= *end) {
                continue;
            }
            if ends[&partition] == offset + 1 {
                ends.remove(&partition);
            }
            let headers = message.headers().map_or_else(Vec::new, |headers| {
                let owned = |header: Header<'_, &[u8]>| {
                    let value = header.value.unwrap_or_default();
                    (header.key.to_owned(), value.to_vec())
                };
                headers.iter().map(owned).collect()
            });
            records.push(Raw {
                topic: topic.to_owned(),
                partition,
                offset,
                time_ms: message.timestamp().to_millis().unwrap_or_default(),
                headers,
                value: message.payload().map(<[u8]>::to_vec),
            });
        }
        records
    }

    /// The offsets that a group has committed, by partition; partitions without one are left out.
    pub(crate) async fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let (kafka, group, topic) = (self.clone(), group.to_owned(), topic.to_owned());
        let ask = move || {
            let consumer = kafka.consumer(&group);
            let mut asked = TopicPartitionList::new();
            for id in Self::partitions(&consumer, &topic) {
                asked.add_partition(&topic, id);
            }
            let told = consumer.committed_offsets(asked, PATIENCE).unwrap();
            let elements = told.elements();
            let known = elements
                .iter()
                .filter_map(|element| match element.offset() {
                    Offset::Offset(offset) => Some((element.partition(), offset)),
                    _ => None,
                });
            known.collect()
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Writes a record where it says, with the time that it says. Ends when the broker has it.
    pub(crate) async fn write(&self, raw: &Raw) {
        let producer: FutureProducer = self.config().create().unwrap();
        let headers = raw
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&raw.topic)
            .partition(raw.partition)
            .timestamp(raw.time_ms)
            .headers(headers);
        if let Some(value) = &raw.value {
            record = record.payload(&value[..]);
        }
        producer.send(record, PATIENCE).await.unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// Gives a topic so many partitions.
    pub(crate) async fn add_partitions(&self, topic: &str, count: usize) {
        let admin = self.admin();
        let (wanted, options) = (NewPartitions::new(topic, count), AdminOptions::new());
        let results = admin.create_partitions([&wanted], &options).await;
        for result in results.unwrap() {
            result.unwrap();
        }
    }

    /// Deletes topics.
    pub(crate) async fn delete(&self, topics: &[String]) {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let results = self
            .admin()
            .delete_topics(&names, &AdminOptions::new())
            .await;
        for result in results.unwrap() {
            result.unwrap();
        }
    }

    /// Deletes a topic. Ends when the broker no longer tells of it.
    pub(crate) async fn delete_topic(&self, topic: &str) {
        let admin = self.admin();
        self.delete(&[topic.to_owned()]).await;
        let gone = async || {
            let metadata = admin.inner().fetch_metadata(None, ASK).ok()?;
            let mut topics = metadata.topics().iter();
            topics.all(|told| told.name() != topic).then_some(())
        };
        eventually("the end of the topic", PATIENCE, gone).await;
    }
}
