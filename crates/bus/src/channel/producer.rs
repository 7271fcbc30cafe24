//! Sending requests: reports come for failures only, and a failure ends its call.

use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext};
use tonic::Status;

use super::pending::Pending;
use crate::producer::{Lane, LanedProducer};
use crate::record::Outgoing;
use crate::settings::Settings;

/// Ends the calls whose request could not be delivered.
#[derive(Clone)]
pub(super) struct Context {
    pending: Arc<Pending>,
}

impl ClientContext for Context {
    // The reader of replies reports the broker's state; librdkafka would repeat it for each client.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext<NoCustomPartitioner> for Context {
    /// The number of the call. A plain number, since nothing is reported for what succeeds and
    /// anything that owns memory would leak.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, message)) = result {
            self.pending
                .resolve(number as u64, Err(undelivered(error, message.topic())));
        }
    }
}

pub(super) fn create(
    settings: &Settings,
    pending: Arc<Pending>,
) -> Result<LanedProducer<Context>, KafkaError> {
    LanedProducer::create(&settings.call_producer(), Context { pending })
}

/// Hands a record to librdkafka, which sends it in the background.
pub(super) fn send(
    producer: &LanedProducer<Context>,
    lane: Lane,
    record: &Outgoing,
    number: u64,
) -> Result<(), Status> {
    let opaque = usize::try_from(number).unwrap_or(usize::MAX);
    let mut message = BaseRecord::with_opaque_to(&record.topic, opaque)
        .payload(&record.value[..])
        .headers(record.kafka_headers())
        .timestamp(record.time_ms);
    if let Some(key) = &record.key {
        message = message.key(&key[..]);
    }
    if let Some(partition) = record.partition {
        message = message.partition(partition);
    }
    producer
        .send(lane, message)
        .map_err(|error| undelivered(&error, &record.topic))
}

fn undelivered(error: &KafkaError, topic: &str) -> Status {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => {
            Status::resource_exhausted("too many requests await delivery; try again later")
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            Status::resource_exhausted("the message is larger than the broker accepts")
        }
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            tracing::warn!("the topic {topic} does not exist; create it with `topics apply`");
            Status::unavailable("the service's topic does not exist")
        }
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            tracing::warn!(
                "the broker denies the writing of {topic}; allow what `topics acls` prints"
            );
            Status::unavailable("the broker denies the service's topic")
        }
        _ => Status::unavailable("the broker did not take the request"),
    }
}
