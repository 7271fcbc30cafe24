//! The clients of the broker.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::PARTITION;

/// How long a topic that was just created may take to have a leader.
const LEADER: Duration = Duration::from_secs(15);
/// How long one question to the broker may take.
const ASK: Duration = Duration::from_secs(2);

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("socket.nagle.disable", "true");
    config
}

/// Sends each record at once and needs the leader's word only.
pub(super) fn producer(brokers: &str) -> Result<FutureProducer, KafkaError> {
    config(brokers)
        .set("linger.ms", "0")
        .set("acks", "1")
        .set("sticky.partitioning.linger.ms", "0")
        .create()
}

/// Reads what is written to a topic from now on. The start is a number, so that nothing is missed
/// that is written once this has returned.
pub(super) fn consumer(brokers: &str, topic: &str) -> Result<StreamConsumer> {
    let consumer: StreamConsumer = config(brokers)
        .set("group.id", topic)
        .set("fetch.wait.max.ms", "500")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "1")
        .create()?;
    let end = end_of(&consumer, topic)
        .with_context(|| format!("the topic {topic} does not answer at {brokers}"))?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, PARTITION, Offset::Offset(end))?;
    consumer.assign(&partitions)?;
    Ok(consumer)
}

fn end_of(consumer: &StreamConsumer, topic: &str) -> Result<i64, KafkaError> {
    let until = Instant::now() + LEADER;
    loop {
        match consumer.fetch_watermarks(topic, PARTITION, ASK) {
            Ok((_, end)) => return Ok(end),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => {}
        }
    }
}
