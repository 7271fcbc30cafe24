//! How far topics were written and read, as any Kafka client sees it.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::PATIENCE;

/// One topic, over all its partitions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// How many records were written.
    pub(crate) end: i64,
    /// How many of them the group has committed.
    pub(crate) committed: i64,
}

/// The topics behind a prefix, by their names without it.
#[derive(Debug)]
pub(crate) struct Offsets(HashMap<String, Seen>);

impl Offsets {
    /// Asks the broker. Blocks.
    pub(crate) fn read(brokers: &str, group: &str, prefix: &str) -> Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", group)
            .create()?;
        let metadata = consumer.fetch_metadata(None, PATIENCE)?;
        let mut topics = HashMap::new();
        for topic in metadata.topics() {
            let Some((before, name)) = topic.name().split_once(prefix) else {
                continue;
            };
            let mut seen = Seen::default();
            let mut asked = TopicPartitionList::new();
            for partition in topic.partitions() {
                asked.add_partition(topic.name(), partition.id());
                let (_, end) = consumer.fetch_watermarks(topic.name(), partition.id(), PATIENCE)?;
                seen.end += end;
            }
            let committed = consumer.committed_offsets(asked, PATIENCE)?;
            for partition in committed.elements() {
                if let Offset::Offset(offset) = partition.offset() {
                    seen.committed += offset;
                }
            }
            topics.insert(format!("{before}{name}"), seen);
        }
        Ok(Self(topics))
    }

    /// One topic.
    pub(crate) fn of(&self, topic: &str) -> Result<Seen> {
        let seen = self.0.get(topic).copied();
        seen.with_context(|| format!("the broker has no topic {topic}"))
    }
}
