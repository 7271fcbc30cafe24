//! Publishing: done when the broker has the record on every in-sync replica.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext};
use thiserror::Error;
use tokio::sync::oneshot;

use super::EventRecord;
use crate::producer::PolledProducer;
use crate::settings::Settings;

type Delivered = Result<(), KafkaError>;

/// Publishes events. Clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// Made when the first event is published: most processes publish none.
    producer: Mutex<Option<Arc<PolledProducer<Context>>>>,
}

/// The broker does not have the event. Publishing it again is safe.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The topic does not exist.
    #[error("the topic {0} does not exist; create it with the `topics apply` command")]
    NoTopic(String),
    /// The broker's access rules are against it.
    #[error("the broker denies the writing of {0}; allow what the `topics acls` command prints")]
    Denied(String),
    /// The record is larger than the broker takes; publishing it again does not help.
    #[error("the record is larger than the broker takes on {0}")]
    TooLarge(String),
    /// Anything else.
    #[error("the event was not published to {0}: {1}")]
    Failed(String, String),
}

struct Context;

impl ClientContext for Context {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Delivered>>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiting: Self::DeliveryOpaque) {
        let delivered = result
            .as_ref()
            .map(|_| ())
            .map_err(|(error, _)| error.clone());
        // The publisher's caller may have given up; the record is published all the same.
        let _ = waiting.send(delivered);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher to the broker of `settings`. Connects when the first event is published.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let settings = settings.clone();
        Self {
            shared: Arc::new(Shared {
                settings,
                producer: Mutex::default(),
            }),
        }
    }

    /// Ends when the broker has the event on every in-sync replica.
    ///
    /// # Errors
    /// It does not, for now: the topic is missing, or the broker did not answer within 10 s.
    pub async fn publish(&self, event: &EventRecord) -> Result<(), PublishError> {
        let headers = event
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()));
        self.send(
            &event.topic,
            Some(event.key.as_bytes()),
            event.created_ms,
            headers,
            &event.value,
        )
        .await
    }

    /// Publishes a record as it is.
    pub(crate) async fn send<'a>(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        time_ms: i64,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        value: &[u8],
    ) -> Result<(), PublishError> {
        let headers = headers.fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
        let (waiting, delivered) = oneshot::channel();
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(waiting))
            .payload(value)
            .headers(headers)
            .timestamp(time_ms);
        if let Some(key) = key {
            record = record.key(key);
        }
        let failed = |error: &KafkaError| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                PublishError::NoTopic(topic.to_owned())
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                PublishError::Denied(topic.to_owned())
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => PublishError::TooLarge(topic.to_owned()),
            _ => PublishError::Failed(topic.to_owned(), error.to_string()),
        };
        let producer = self.shared.producer().map_err(|error| failed(&error))?;
        producer.send(record).map_err(|error| failed(&error))?;
        match delivered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(PublishError::Failed(
                topic.to_owned(),
                "the publisher has ended".into(),
            )),
        }
    }

    /// Waits until nothing is on its way, for `timeout` at most. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        let producer = self.shared.producer.lock().clone();
        producer.map_or(Ok(()), |producer| producer.flush(timeout))
    }
}

impl Shared {
    fn producer(&self) -> Result<Arc<PolledProducer<Context>>, KafkaError> {
        let mut producer = self.producer.lock();
        match &*producer {
            Some(producer) => Ok(Arc::clone(producer)),
            None => {
                let created = PolledProducer::create(&self.settings.event_producer(), Context)?;
                Ok(Arc::clone(producer.insert(Arc::new(created))))
            }
        }
    }
}
