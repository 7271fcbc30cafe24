//! Which topics the contracts need; creating and checking them.

use std::time::Duration;

use chassis::contract::{Contract, Pattern};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use thiserror::Error;

use crate::client;
use crate::header;

/// The partitions of a reply topic: as many channels can have one of their own.
pub const REPLY_PARTITIONS: i32 = 64;

/// How long request and reply topics keep records: longer than any deadline, and no longer than
/// operators need to look at what was just said.
const CALL_RETENTION: Duration = Duration::from_secs(15 * 60);

/// How long event topics keep records: a consumer may be down over a long weekend.
const EVENT_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long dead letters are kept for somebody to look at them.
const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the broker may take to create topics.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// A topic that has to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions it has at least.
    pub partitions: i32,
    /// How long it keeps records.
    pub retention: Duration,
}

/// Not all topics are as they should be.
#[derive(Debug, Error)]
pub enum TopicError {
    /// The broker does not answer.
    #[error("{0}")]
    NoBroker(String),
    /// Topics that could not be created, or exist with too few partitions.
    #[error("not all topics are as they should be:\n  {}", .0.join("\n  "))]
    Faults(Vec<String>),
}

/// The topic that the replies to an application's calls come to.
#[must_use]
pub fn reply_topic(app: &str) -> String {
    format!("reply.{app}")
}

/// The topics of a contract, ordered by name: one a method, a dead-letter topic an event, and a
/// reply topic for each of the calling applications.
#[must_use]
pub fn plan(contract: &Contract, apps: &[&str], partitions: i32) -> Vec<TopicSpec> {
    let mut topics = Vec::new();
    for method in contract.methods() {
        let name = method.topic.clone();
        match method.pattern {
            Pattern::RequestReply => {
                topics.push(TopicSpec {
                    name,
                    partitions,
                    retention: CALL_RETENTION,
                });
            }
            Pattern::Event => {
                let dead = format!("{name}{}", header::DEAD_LETTER_SUFFIX);
                topics.push(TopicSpec {
                    name,
                    partitions,
                    retention: EVENT_RETENTION,
                });
                let retention = DEAD_LETTER_RETENTION;
                topics.push(TopicSpec {
                    name: dead,
                    partitions: 1,
                    retention,
                });
            }
        }
    }
    for app in apps {
        let partitions = REPLY_PARTITIONS;
        topics.push(TopicSpec {
            name: reply_topic(app),
            partitions,
            retention: CALL_RETENTION,
        });
    }
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    topics
}

/// Creates the topics that are missing and checks those that exist. Says what it did, one line a
/// topic. Doing it twice does nothing more.
///
/// # Errors
/// No broker answers, or topics that could not be created or have too few partitions.
pub async fn apply(
    brokers: &str,
    topics: &[TopicSpec],
    replication: Option<i32>,
) -> Result<Vec<String>, TopicError> {
    let no_broker = |error| TopicError::NoBroker(client::no_broker(brokers, &error));
    let admin: AdminClient<DefaultClientContext> =
        crate::settings::client(brokers, "trolleybus-topics")
            .create()
            .map_err(no_broker)?;
    let retentions: Vec<_> = topics
        .iter()
        .map(|t| t.retention.as_millis().to_string())
        .collect();
    let new: Vec<_> = topics
        .iter()
        .zip(&retentions)
        // -1 leaves it to the broker's own default (KIP-464).
        .map(|(topic, retention)| {
            let replication = TopicReplication::Fixed(replication.unwrap_or(-1));
            NewTopic::new(&topic.name, topic.partitions, replication)
                .set("retention.ms", retention)
                .set("message.timestamp.type", "CreateTime")
        })
        .collect();
    let options = AdminOptions::new()
        .operation_timeout(Some(CREATE_TIMEOUT))
        .request_timeout(Some(CREATE_TIMEOUT));
    let results = admin
        .create_topics(&new, &options)
        .await
        .map_err(no_broker)?;
    let (mut lines, mut faults, mut existing) = (Vec::new(), Vec::new(), Vec::new());
    for (topic, result) in topics.iter().zip(results) {
        match result {
            Ok(_) => lines.push(format!(
                "created {} ({} partitions)",
                topic.name, topic.partitions
            )),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => existing.push(topic),
            Err((_, code)) => faults.push(format!("{}: {code}", topic.name)),
        }
    }
    for topic in existing {
        let name = std::slice::from_ref(&topic.name);
        match client::partitions(admin.inner(), brokers, name).map(|counts| counts[0]) {
            Ok(count) if count >= topic.partitions => {
                lines.push(format!("exists  {} ({count} partitions)", topic.name));
            }
            Ok(count) => faults.push(format!(
                "{}: has {count} partitions and needs {}; add partitions with Kafka's own tools",
                topic.name, topic.partitions
            )),
            Err(problem) => faults.push(problem),
        }
    }
    lines.sort_by(|a, b| a[8..].cmp(&b[8..]));
    if faults.is_empty() {
        Ok(lines)
    } else {
        Err(TopicError::Faults(faults))
    }
}
