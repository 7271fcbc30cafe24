//! Kafka, read and changed as any stranger could.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::servers;
use super::wait::{PATIENCE, eventually};

/// A record as it is on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) topic: String,
    pub(crate) key: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Vec<u8>,
}

// === impl Raw ===

impl Raw {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_slice())
    }

    /// A header that must be there and be text.
    pub(crate) fn text(&self, name: &str) -> String {
        let value = self
            .header(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        String::from_utf8(value.to_vec()).unwrap()
    }

    /// Every byte of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers = self
            .headers
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value]);
        [self.key.as_slice(), &self.value]
            .into_iter()
            .chain(headers)
            .collect::<Vec<_>>()
            .concat()
    }
}

/// Every record of every topic, up to what was there when it was asked.
pub(crate) async fn everything() -> Vec<Raw> {
    tokio::task::spawn_blocking(read).await.unwrap()
}

fn read() -> Vec<Raw> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers::kafka())
        .set("group.id", "e2e-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(None, PATIENCE).unwrap();
    let mut assignment = TopicPartitionList::new();
    // Where each partition ended when it was asked: others write meanwhile.
    let mut left = HashMap::new();
    for topic in metadata
        .topics()
        .iter()
        .filter(|topic| !topic.name().starts_with("__"))
    {
        for partition in topic.partitions() {
            let id = partition.id();
            let (low, high) = consumer
                .fetch_watermarks(topic.name(), id, PATIENCE)
                .unwrap();
            if high > low {
                assignment
                    .add_partition_offset(topic.name(), id, Offset::Beginning)
                    .unwrap();
                left.insert((topic.name().to_owned(), id), high);
            }
        }
    }
    consumer.assign(&assignment).unwrap();
    let until = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while !left.is_empty() {
        assert!(Instant::now() < until, "not read to the end: {left:?}");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        let partition = (message.topic().to_owned(), message.partition());
        let Some(high) = left.get(&partition).copied() else {
            continue;
        };
        if message.offset() + 1 >= high {
            left.remove(&partition);
        }
        records.push(Raw {
            topic: message.topic().to_owned(),
            key: message.key().unwrap_or_default().to_vec(),
            headers: message.headers().map_or_else(Vec::new, |headers| {
                let owned = headers.iter().map(|header| {
                    (
                        header.key.to_owned(),
                        header.value.unwrap_or_default().to_vec(),
                    )
                });
                owned.collect()
            }),
            value: message.payload().expect("a value is never null").to_vec(),
        });
    }
    records
}

/// Deletes a topic. Ends when the broker no longer tells of it.
pub(crate) async fn delete_topic(topic: &str) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", servers::kafka())
        .create()
        .unwrap();
    let results = admin
        .delete_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    for result in results {
        result.unwrap();
    }
    let gone = async || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
        metadata
            .topics()
            .iter()
            .all(|told| told.name() != topic)
            .then_some(())
    };
    eventually("the end of the topic", PATIENCE, gone).await;
}
