//! Dead letters: what they are, why they are there, and sending them again.
//!
//! A dead letter stays on its topic for as long as that keeps it; what was sent again is noted as
//! committed offsets of a consumer group of its own, so that nothing is sent again twice. Handlers
//! see the same event id, and pass over what took effect already.

use std::sync::Arc;

use chassis::contract::{Contract, Method, Pattern};
use rdkafka::error::KafkaError;
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::event::{PublishError, Publisher};
use crate::header::DEAD_LETTER_SUFFIX;
use crate::settings::Settings;
use crate::topics::dead_letter_topic;
use log::Log;

mod letter;
mod log;
mod progress;
mod redact;
mod redrive;

pub use letter::{Letter, Place, Value};
pub use redrive::{Redrive, Redriven, Selection};

/// The dead letters of a service's events.
#[derive(Debug)]
pub struct DeadLetters {
    settings: Arc<Settings>,
    events: Vec<Arc<Method>>,
    /// Notes what was sent again.
    group: String,
    publisher: Publisher,
    /// Held while letters are sent again: two at once would send the same ones.
    redriving: tokio::sync::Mutex<()>,
}

/// How many dead letters of one event there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The dead-letter topic.
    pub topic: String,
    /// The gRPC path of the method whose events they are.
    pub method: String,
    /// How many were not sent again.
    pub depth: u64,
    /// When the first of them was made, in milliseconds since 1970: its `CreateTime`.
    pub oldest_ms: Option<i64>,
}

/// Dead letters could not be read, or not all sent again.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// The service has no such event.
    #[error("{topic} is not the topic of an event of this service; it has {known}")]
    UnknownTopic {
        /// What was asked for.
        topic: String,
        /// The topics of its events, comma-separated.
        known: String,
    },
    /// No record there.
    #[error("{topic} has no record at partition {partition}, offset {offset}")]
    NoRecord {
        /// The dead-letter topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// Letters are being sent again already.
    #[error("dead letters are being sent again already; wait until that has ended")]
    Busy,
    /// As many single letters were sent again ahead of others as can be noted.
    #[error("too many single letters of {0} were sent again; send all of them")]
    TooManySingle(String),
    /// The broker or the topic is not there.
    #[error("{0}")]
    NoBroker(String),
    /// The broker refuses to read or to note.
    #[error("dead letters cannot be read: {0}")]
    Kafka(#[from] KafkaError),
    /// Some were sent, and then one was not.
    #[error("{sent} dead letters were sent again, and then no more: {source}")]
    Publish {
        /// How many were.
        sent: u64,
        /// Why the next was not.
        source: PublishError,
    },
    /// A thread has panicked.
    #[error("the dead letters could not be read: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

// === impl DeadLetters ===

impl DeadLetters {
    /// The dead letters of the events of these services. `group` is the consumer group of the service
    /// that handles them: what was sent again is noted under `<group>.redrive`.
    #[must_use]
    pub fn new(settings: &Settings, contract: &Contract, services: &[&str], group: &str) -> Self {
        let events = contract.methods().into_iter();
        let events = events.filter(|method| {
            method.pattern == Pattern::Event && services.contains(&method.service.as_str())
        });
        Self {
            settings: settings.shared(),
            events: events.cloned().collect(),
            group: format!("{group}.redrive"),
            publisher: Publisher::new(settings),
            redriving: tokio::sync::Mutex::default(),
        }
    }

    /// How many dead letters there are that were not sent again, of each event, ordered by topic.
    ///
    /// # Errors
    /// No broker answers, or a topic is missing.
    pub async fn list(&self) -> Result<Vec<Depth>, DeadLetterError> {
        let mut depths = Vec::with_capacity(self.events.len());
        for method in &self.events {
            let (log, method) = (self.log(), Arc::clone(method));
            let depth = spawn_blocking(move || {
                let topic = dead_letter_topic(&method.topic);
                let (depth, oldest_ms) = log.and_then(|log| log.depth(&topic))?;
                Ok::<_, DeadLetterError>(Depth {
                    topic,
                    method: method.path.clone(),
                    depth,
                    oldest_ms,
                })
            });
            depths.push(depth.await??);
        }
        depths.sort_by(|a, b| a.topic.cmp(&b.topic));
        Ok(depths)
    }

    /// One dead letter. `topic` is that of the event, with or without `.dlq`.
    ///
    /// # Errors
    /// No such topic or record, or no broker.
    pub async fn show(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Letter, DeadLetterError> {
        let method = self.event(topic)?;
        let topic = dead_letter_topic(&method.topic);
        let (log, keys) = (self.log(), self.settings.keys.clone());
        let read = spawn_blocking(move || {
            let log = log?;
            let record = log.record(&topic, partition, offset)?;
            let redriven = log.progress(&topic, partition)?.is_done(offset);
            Ok(Letter::read(&topic, &record, redriven, &method, &keys))
        });
        read.await?
    }

    fn log(&self) -> Result<Log, DeadLetterError> {
        Log::open(&self.settings, &self.group)
    }

    fn event(&self, topic: &str) -> Result<Arc<Method>, DeadLetterError> {
        let own = topic.strip_suffix(DEAD_LETTER_SUFFIX).unwrap_or(topic);
        let found = self.events.iter().find(|method| method.topic == own);
        found.cloned().ok_or_else(|| DeadLetterError::UnknownTopic {
            topic: topic.to_owned(),
            known: self
                .events
                .iter()
                .map(|method| method.topic.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}
