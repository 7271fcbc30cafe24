//! A dead-letter topic as it is on the broker. Its calls block.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::DeadLetterError;
use super::progress::Progress;
use crate::client;
use crate::record::Received;
use crate::settings::{Broker, Settings};

/// How long the broker may take for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads dead letters, and keeps what was sent again.
pub(super) struct Log {
    consumer: BaseConsumer,
    broker: Broker,
}

/// A record of its own.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) time_ms: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) value: Vec<u8>,
}

impl Log {
    pub(super) fn open(settings: &Settings, group: &str) -> Result<Self, DeadLetterError> {
        let mut config = settings.consumer();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        Ok(Self {
            consumer: config.create()?,
            broker: settings.into(),
        })
    }

    /// The numbers of a topic's partitions.
    pub(super) fn partitions(&self, topic: &str) -> Result<Vec<i32>, DeadLetterError> {
        let topics = [topic.to_owned()];
        let counts = client::partitions(self.consumer.client(), &self.broker, &topics)
            .map_err(DeadLetterError::NoBroker)?;
        Ok((0..counts.into_iter().sum()).collect())
    }

    /// The first offset of a partition and the one after its last.
    pub(super) fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let until = Instant::now() + ANSWER_TIMEOUT;
        loop {
            match self
                .consumer
                .fetch_watermarks(topic, partition, ANSWER_TIMEOUT)
            {
                // The partition is new or moves; librdkafka asks the next leader only when told to.
                Err(error) if has_moved(&error) && Instant::now() < until => {
                    std::thread::park_timeout(client::ASK_AGAIN);
                    self.consumer
                        .fetch_metadata(Some(topic), ANSWER_TIMEOUT)
                        .map(drop)?;
                }
                bounds => return bounds,
            }
        }
    }

    /// What of a partition was sent again.
    pub(super) fn progress(&self, topic: &str, partition: i32) -> Result<Progress, KafkaError> {
        let (low, _) = self.bounds(topic, partition)?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, partition);
        let committed = self.consumer.committed_offsets(asked, ANSWER_TIMEOUT)?;
        let elements = committed.elements();
        let committed = elements.first().and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some((offset, element.metadata())),
            _ => None,
        });
        Ok(Progress::read(committed, low))
    }

    /// Notes what was sent again.
    pub(super) fn keep(
        &self,
        topic: &str,
        partition: i32,
        progress: &Progress,
    ) -> Result<(), KafkaError> {
        let (next, metadata) = progress.write();
        let mut offsets = TopicPartitionList::new();
        {
            let mut element = offsets.add_partition(topic, partition);
            element.set_offset(Offset::Offset(next))?;
            element.set_metadata(metadata);
        }
        self.consumer.commit(&offsets, CommitMode::Sync)
    }

    /// How many were not sent again, and when the first of them was made.
    pub(super) fn depth(&self, topic: &str) -> Result<(u64, Option<i64>), DeadLetterError> {
        let (mut depth, mut oldest) = (0, None);
        for partition in self.partitions(topic)? {
            let progress = self.progress(topic, partition)?;
            let (_, high) = self.bounds(topic, partition)?;
            let left = progress.left(high);
            depth += left;
            if left > 0 {
                let first = self.read(topic, partition, progress.next(), high, 1)?;
                let first = first.first().map(|record| record.time_ms);
                oldest = [oldest, first].into_iter().flatten().min();
            }
        }
        Ok((depth, oldest))
    }

    /// One record.
    pub(super) fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Record, DeadLetterError> {
        let none = || DeadLetterError::NoRecord {
            topic: topic.to_owned(),
            partition,
            offset,
        };
        if !self.partitions(topic)?.contains(&partition) {
            return Err(none());
        }
        let (low, high) = self.bounds(topic, partition)?;
        if !(low..high).contains(&offset) {
            return Err(none());
        }
        let record = self.read(topic, partition, offset, offset + 1, 1)?.pop();
        record
            .filter(|record| record.offset == offset)
            .ok_or_else(none)
    }

    /// The records from an offset on, before another, as many at most.
    pub(super) fn read(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        before: i64,
        most: usize,
    ) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, Offset::Offset(from))?;
        self.consumer.assign(&assignment)?;
        let mut until = Instant::now() + ANSWER_TIMEOUT;
        let mut last_error = RDKafkaErrorCode::OperationTimedOut;
        while records.len() < most {
            let patience = until.saturating_duration_since(Instant::now());
            match self.consumer.poll(patience) {
                Some(Ok(message)) if message.offset() < before => {
                    let end = message.offset() + 1 == before;
                    records.push(Record::of(&Received::read(&message)));
                    if end {
                        break;
                    }
                    until = Instant::now() + ANSWER_TIMEOUT;
                }
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    return Err(KafkaError::MessageConsumptionFatal(code));
                }
                // A connection was lost, perhaps: librdkafka mends what it can by itself.
                Some(Err(error)) => {
                    last_error = error.rdkafka_error_code().unwrap_or(last_error);
                }
                None => return Err(KafkaError::MessageConsumption(last_error)),
            }
        }
        self.consumer.unassign()?;
        Ok(records)
    }
}

fn has_moved(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable)
    )
}

impl Record {
    pub(super) fn of(received: &Received<'_>) -> Self {
        let headers = received.headers.iter();
        Self {
            partition: received.partition,
            offset: received.offset,
            time_ms: received.time_ms,
            key: received.key.map(<[u8]>::to_vec),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                .collect(),
            value: received.value.to_vec(),
        }
    }

    pub(super) fn as_received<'a>(&'a self, topic: &'a str) -> Received<'a> {
        let headers = self.headers.iter();
        Received {
            topic,
            partition: self.partition,
            offset: self.offset,
            time_ms: self.time_ms,
            key: self.key.as_deref(),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect(),
            value: &self.value,
        }
    }

    /// Its own headers, without what dead-lettering has added.
    pub(super) fn own_headers(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.headers
            .iter()
            .filter(|(name, _)| !name.starts_with(crate::header::DEAD_LETTER_PREFIX))
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether the event was too large to be kept with its reason: only where it was is known.
    pub(super) fn has_no_content(&self) -> bool {
        self.value.is_empty() && self.own_headers().next().is_none()
    }
}
