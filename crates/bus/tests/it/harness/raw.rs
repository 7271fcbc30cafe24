//! Records as a stranger reads and writes them: with nothing of this crate.

use std::time::Duration;

use prost::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{Bus, PATIENCE};

/// A record.
#[derive(Debug, Clone, Default, Eq)]
pub(crate) struct Raw {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Vec<u8>,
    pub(crate) time_ms: i64,
    /// Where it was read.
    pub(crate) place: (i32, i64),
}

impl Bus {
    /// The requests of a topic from the beginning, once there are at least `count`. What else is
    /// there, the hellos of new channels, is left out.
    pub(crate) async fn raw(&self, topic: &str, count: usize) -> Vec<Raw> {
        let requests = |all: &[Raw]| all.iter().filter(|raw| !raw.is_control()).count();
        let all = self.read(topic, move |all| requests(all) >= count).await;
        all.into_iter().filter(|raw| !raw.is_control()).collect()
    }

    /// The replies that bear a correlation id, once there are at least `count`; pings share the topic.
    pub(crate) async fn replies(&self, topic: &str, id: &[u8], count: usize) -> Vec<Raw> {
        let id = id.to_vec();
        let is_it = move |raw: &&Raw| raw.header("kafka_correlationId") == Some(&id);
        let found = is_it.clone();
        let all = self
            .read(topic, move |all| all.iter().filter(&found).count() >= count)
            .await;
        all.iter().filter(is_it).cloned().collect()
    }

    /// The reply to one of our own calls.
    pub(crate) async fn reply_to(&self, correlation_id: &str) -> Raw {
        let topic = format!("reply.{}", self.app);
        self.replies(&topic, correlation_id.as_bytes(), 1)
            .await
            .remove(0)
    }

    async fn read(
        &self,
        topic: &str,
        enough: impl Fn(&[Raw]) -> bool + Send + 'static,
    ) -> Vec<Raw> {
        let (brokers, topic) = (self.settings().brokers.clone(), topic.to_owned());
        let read = tokio::task::spawn_blocking(move || read(&brokers, &topic, enough));
        read.await.unwrap()
    }

    /// Writes a record.
    pub(crate) async fn write(&self, topic: &str, raw: Raw) {
        let (brokers, topic) = (self.settings().brokers.clone(), topic.to_owned());
        let written = tokio::task::spawn_blocking(move || write(&brokers, &topic, &raw));
        written.await.unwrap();
    }
}

pub(super) fn read(brokers: &str, topic: &str, enough: impl Fn(&[Raw]) -> bool) -> Vec<Raw> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "raw")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        assignment
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let until = std::time::Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while !enough(&found) {
        assert!(
            std::time::Instant::now() < until,
            "{topic}: only {} records",
            found.len()
        );
        let message = match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                // A lost connection is mended by librdkafka, which tells of it all the same.
                let lost = [
                    RDKafkaErrorCode::AllBrokersDown,
                    RDKafkaErrorCode::BrokerTransportFailure,
                ];
                let code = error.rdkafka_error_code();
                assert!(code.is_some_and(|code| lost.contains(&code)), "{error}");
                continue;
            }
            None => continue,
        };
        found.push(Raw {
            key: message.key().map(<[u8]>::to_vec),
            headers: message.headers().map_or_else(Vec::new, |headers| {
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), h.value.unwrap().to_vec()))
                    .collect()
            }),
            value: message.payload().expect("a value is never null").to_vec(),
            time_ms: message.timestamp().to_millis().unwrap(),
            place: (message.partition(), message.offset()),
        });
    }
    found
}

fn write(brokers: &str, topic: &str, raw: &Raw) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .unwrap();
    let headers = raw
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
    let mut record = BaseRecord::<'_, [u8], [u8]>::to(topic)
        .payload(&raw.value)
        .headers(headers);
    if raw.time_ms > 0 {
        record = record.timestamp(raw.time_ms);
    }
    if let Some(key) = &raw.key {
        record = record.key(key);
    }
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// A message of any type.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).unwrap()
}

/// Wherever they are: a record that was sent again is the same.
impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.headers, &self.value, self.time_ms)
            == (&other.key, &other.headers, &other.value, other.time_ms)
    }
}

impl Raw {
    pub(crate) fn new(value: impl Into<Vec<u8>>, headers: &[(&str, &[u8])]) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        Self {
            headers: headers.collect(),
            value: value.into(),
            ..Self::default()
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.header(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
    }

    pub(super) fn is_control(&self) -> bool {
        ["rpc-hello", "rpc-cancel", "rpc-window"]
            .iter()
            .any(|name| self.header(name).is_some())
    }
}
