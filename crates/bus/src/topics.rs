//! Which topics the contracts need; creating and checking them.

use std::time::Duration;

use chassis::contract::{Contract, Method, Pattern, Retry};
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

/// How long retry topics keep records: an event comes with the time at which it was made, which may
/// be as long ago as its topic keeps it, and then waits.
const RETRY_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// One partition of a retry topic for so many of its event's: few events fail, each of the partitions
/// is in the order of due times by itself, and the work on them runs in parallel.
const PARTITIONS_PER_RETRY: i32 = 8;

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

/// The topic of the events that cannot be handled: `<topic>.dlq`.
#[must_use]
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}{}", header::DEAD_LETTER_SUFFIX)
}

/// The topic on which an event waits before its `tier`-th further attempt, counted from 1:
/// `<topic>.retry.<tier>`.
#[must_use]
pub fn retry_topic(topic: &str, tier: usize) -> String {
    format!("{topic}{}{tier}", header::RETRY_INFIX)
}

/// The retry topics of a method: one a pause, for an event whose retries are not in order.
#[must_use]
pub fn retry_topics(method: &Method) -> Vec<String> {
    match (method.pattern, &method.retry) {
        (Pattern::Event, Retry::Tiers(pauses)) => (1..=pauses.len())
            .map(|tier| retry_topic(&method.topic, tier))
            .collect(),
        _ => Vec::new(),
    }
}

/// The topics of a contract, ordered by name: one a method, retry topics and a dead-letter topic an
/// event, and a reply topic for each of the calling applications.
#[must_use]
pub fn plan(contract: &Contract, apps: &[&str], partitions: i32) -> Vec<TopicSpec> {
    let spec = |name, partitions, retention| TopicSpec {
        name,
        partitions,
        retention,
    };
    let mut topics = Vec::new();
    for method in contract.methods() {
        let retention = match method.pattern {
            Pattern::RequestReply => CALL_RETENTION,
            Pattern::Event => EVENT_RETENTION,
        };
        topics.push(spec(method.topic.clone(), partitions, retention));
        let waiting = (partitions / PARTITIONS_PER_RETRY).max(1);
        let retries = retry_topics(method).into_iter();
        topics.extend(retries.map(|name| spec(name, waiting, RETRY_RETENTION)));
        if method.pattern == Pattern::Event {
            let name = dead_letter_topic(&method.topic);
            topics.push(spec(name, 1, DEAD_LETTER_RETENTION));
        }
    }
    let replies = apps.iter().map(|app| reply_topic(app));
    topics.extend(replies.map(|name| spec(name, REPLY_PARTITIONS, CALL_RETENTION)));
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
