//! Creating the topics that are missing, checking the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use thiserror::Error;

use super::TopicSpec;
use crate::client;
use crate::settings::Broker;

/// How long the broker may take to create topics.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a topic keeps its records, in milliseconds; -1 for ever.
const RETENTION: &str = "retention.ms";
/// Whose clock a record's time is from.
const TIMESTAMP: &str = "message.timestamp.type";
/// The sender's, which its MAC covers.
const CREATE_TIME: &str = "CreateTime";

/// Not all topics are as they should be.
#[derive(Debug, Error)]
pub enum TopicError {
    /// The broker does not answer.
    #[error("{0}")]
    NoBroker(String),
    /// Topics that could not be created, or exist in a way that the bus cannot work with.
    #[error("not all topics are as they should be:\n  {}", .0.join("\n  "))]
    Faults(Vec<String>),
}

/// A topic as it exists.
#[derive(Debug, Default)]
struct Existing {
    partitions: i32,
    /// The fewest replicas of its partitions.
    replicas: i32,
    /// What of its configuration is asked for.
    config: HashMap<&'static str, String>,
}

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// What the bus cannot work with.
    faults: Vec<String>,
    /// What differs from the plan, perhaps for a reason.
    differences: Vec<String>,
}

/// Creates the topics that are missing and checks those that exist, which it does not change. Says
/// what it did and what differs, one line a topic. Doing it twice does nothing more.
///
/// # Errors
/// No broker answers, or topics that could not be created, have too few partitions, or do not keep
/// the sender's time.
pub async fn apply(
    broker: impl Into<Broker>,
    topics: &[TopicSpec],
    replication: Option<i32>,
) -> Result<Vec<String>, TopicError> {
    let broker = broker.into();
    // An administrative request would wait for its whole time before it says less.
    if let Some(reason) = client::refusal(&broker) {
        return Err(TopicError::NoBroker(reason));
    }
    let no_broker = |error| TopicError::NoBroker(client::no_broker(&broker, &error));
    let admin: AdminClient<DefaultClientContext> = broker
        .client("trolleybus-topics")
        .create()
        .map_err(no_broker)?;
    let retentions: Vec<_> = topics.iter().map(retention).collect();
    let new: Vec<_> = topics
        .iter()
        .zip(&retentions)
        // -1 leaves it to the broker's own default (KIP-464).
        .map(|(topic, retention)| {
            let replication = TopicReplication::Fixed(replication.unwrap_or(-1));
            NewTopic::new(&topic.name, topic.partitions, replication)
                .set(RETENTION, retention)
                .set(TIMESTAMP, CREATE_TIME)
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
            Err((_, RDKafkaErrorCode::TopicAuthorizationFailed)) => faults.push(format!(
                "{}: the broker denies it; allow what `topics acls --apply` prints",
                topic.name
            )),
            Err((_, code)) => faults.push(format!("{}: {code}", topic.name)),
        }
    }
    for (topic, found) in existing
        .iter()
        .zip(describe(&admin, &broker, &existing).await?)
    {
        let findings = check(topic, &found, replication);
        let name = &topic.name;
        faults.extend(
            findings
                .faults
                .iter()
                .map(|fault| format!("{name}: {fault}")),
        );
        let partitions = found.partitions;
        if !findings.differences.is_empty() {
            let differences = findings.differences.join("; ");
            lines.push(format!(
                "differs {name} ({partitions} partitions): {differences}"
            ));
        } else if findings.faults.is_empty() {
            lines.push(format!("exists  {name} ({partitions} partitions)"));
        }
    }
    lines.sort_by(|a, b| a[8..].cmp(&b[8..]));
    if faults.is_empty() {
        Ok(lines)
    } else {
        Err(TopicError::Faults(faults))
    }
}

/// The topics as they exist, in the order of `topics`.
async fn describe(
    admin: &AdminClient<DefaultClientContext>,
    broker: &Broker,
    topics: &[&TopicSpec],
) -> Result<Vec<Existing>, TopicError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let no_broker = |error: &KafkaError| TopicError::NoBroker(client::no_broker(broker, error));
    let specifiers: Vec<_> = topics
        .iter()
        .map(|topic| ResourceSpecifier::Topic(&topic.name))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT));
    let described = admin
        .describe_configs(&specifiers, &options)
        .await
        .map_err(|error| no_broker(&error))?;
    let mut found = Vec::with_capacity(topics.len());
    for (topic, described) in topics.iter().zip(described) {
        let metadata = metadata(admin, &topic.name)
            .await
            .map_err(|error| no_broker(&error))?;
        let partitions = metadata
            .topics()
            .first()
            .map_or(&[][..], |t| t.partitions());
        let replicas = partitions
            .iter()
            .map(|partition| partition.replicas().len());
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        found.push(Existing {
            partitions: count(partitions.len()),
            replicas: count(replicas.min().unwrap_or_default()),
            // A broker that does not tell its configuration, by its access rules, is not at fault.
            config: described.map_or_else(|_| HashMap::new(), |config| wanted(&config)),
        });
    }
    Ok(found)
}

/// A topic's metadata. One that was made a moment ago is not known to every broker yet, and a broker
/// that is busy making others may be late to tell: then it is asked for again, for as long as creating
/// it may take.
async fn metadata(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
) -> Result<Metadata, KafkaError> {
    let until = Instant::now() + CREATE_TIMEOUT;
    loop {
        let answer = admin
            .inner()
            .fetch_metadata(Some(topic), client::ASK_TIMEOUT);
        let is_final = match &answer {
            Ok(metadata) => metadata
                .topics()
                .first()
                .is_some_and(|topic| !topic.partitions().is_empty()),
            // The second is what no connection in time is called.
            Err(error) => !matches!(
                error.rdkafka_error_code(),
                Some(
                    RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure
                )
            ),
        };
        if is_final || Instant::now() >= until {
            return answer;
        }
        tokio::time::sleep(client::ASK_AGAIN).await;
    }
}

fn wanted(config: &ConfigResource) -> HashMap<&'static str, String> {
    let values = [RETENTION, TIMESTAMP].into_iter();
    values
        .filter_map(|name| Some((name, config.get(name)?.value.clone()?)))
        .collect()
}

fn check(topic: &TopicSpec, found: &Existing, replication: Option<i32>) -> Findings {
    let mut findings = Findings::default();
    if found.partitions < topic.partitions {
        findings.faults.push(format!(
            "has {} partitions and needs {}; add partitions with Kafka's own tools",
            found.partitions, topic.partitions
        ));
    }
    if let Some(kind) = found
        .config
        .get(TIMESTAMP)
        .filter(|kind| *kind != CREATE_TIME)
    {
        findings.faults.push(format!(
            "has {TIMESTAMP}={kind} and needs {CREATE_TIME}, since records are signed with their \
             time; set it with Kafka's own tools"
        ));
    }
    let planned = retention(topic);
    if let Some(kept) = found.config.get(RETENTION).filter(|kept| **kept != planned) {
        findings
            .differences
            .push(format!("{RETENTION} is {kept}, planned is {planned}"));
    }
    if let Some(asked) = replication.filter(|asked| *asked != found.replicas) {
        findings.differences.push(format!(
            "has {} replicas, asked for are {asked}",
            found.replicas
        ));
    }
    findings
}

fn retention(topic: &TopicSpec) -> String {
    topic.retention.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned() -> TopicSpec {
        TopicSpec {
            name: "t".into(),
            partitions: 4,
            retention: Duration::from_secs(60),
        }
    }

    fn existing(partitions: i32, retention: &str, timestamp: &str) -> Existing {
        Existing {
            partitions,
            replicas: 1,
            config: [(RETENTION, retention.into()), (TIMESTAMP, timestamp.into())].into(),
        }
    }

    #[test]
    fn a_topic_as_planned_or_with_more_partitions_is_well() {
        for partitions in [4, 8] {
            let found = existing(partitions, "60000", CREATE_TIME);
            assert_eq!(check(&planned(), &found, Some(1)), Findings::default());
            assert_eq!(check(&planned(), &found, None), Findings::default());
        }
    }

    #[test]
    fn fewer_partitions_and_another_clock_are_faults() {
        let found = existing(3, "60000", "LogAppendTime");
        let faults = check(&planned(), &found, None).faults.join("\n");
        assert!(faults.contains("has 3 partitions and needs 4"), "{faults}");
        assert!(faults.contains("needs CreateTime"), "{faults}");
    }

    #[test]
    fn another_retention_and_other_replicas_are_told() {
        let found = existing(4, "-1", CREATE_TIME);
        let findings = check(&planned(), &found, Some(3));
        assert!(findings.faults.is_empty());
        assert_eq!(
            findings.differences,
            [
                "retention.ms is -1, planned is 60000",
                "has 1 replicas, asked for are 3"
            ]
        );
    }

    #[test]
    fn what_the_broker_does_not_tell_is_no_difference() {
        let found = Existing {
            config: HashMap::new(),
            ..existing(4, "", "")
        };
        assert_eq!(check(&planned(), &found, None), Findings::default());
    }
}
