//! Asking a broker about its topics.

use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaRespErr;

use crate::settings::Broker;

mod refusal;

pub(crate) use refusal::of as refusal;

/// How long one question to the broker may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait before asking again for what was not there.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(300);

/// The number of partitions of each topic, or one line that says what is missing.
pub(crate) fn partitions<C: ClientContext>(
    client: &Client<C>,
    broker: &Broker,
    topics: &[String],
) -> Result<Vec<i32>, String> {
    let (mut missing, mut hidden) = (Vec::new(), Vec::new());
    let mut counts = Vec::with_capacity(topics.len());
    for topic in topics {
        let metadata = client
            .fetch_metadata(Some(topic), ASK_TIMEOUT)
            .map_err(|error| no_broker(broker, &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.and_then(count) {
            Some(count) => counts.push(count),
            None if found.is_some_and(is_hidden) => hidden.push(topic.as_str()),
            None => missing.push(topic.as_str()),
        }
    }
    let brokers = &broker.addresses;
    let reasons = [
        (!missing.is_empty()).then(|| missing_topics(brokers, &missing)),
        (!hidden.is_empty()).then(|| {
            denied(
                broker,
                &format!("{} {}", topics_word(&hidden), hidden.join(", ")),
            )
        }),
    ];
    let reasons: Vec<_> = reasons.into_iter().flatten().collect();
    if reasons.is_empty() {
        Ok(counts)
    } else {
        Err(reasons.join("; "))
    }
}

fn count(topic: &MetadataTopic) -> Option<i32> {
    let count = i32::try_from(topic.partitions().len()).ok()?;
    (topic.error().is_none() && count > 0).then_some(count)
}

fn is_hidden(topic: &MetadataTopic) -> bool {
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    topic.error() == Some(denied)
}

fn topics_word(topics: &[&str]) -> &'static str {
    if topics.len() == 1 { "topic" } else { "topics" }
}

/// One line that says what the broker's access rules keep this process from, and what to do.
pub(crate) fn denied(broker: &Broker, what: &str) -> String {
    let user = broker.security.sasl.as_ref();
    let user = user.map_or_else(String::new, |sasl| format!(" {}", sasl.username));
    format!(
        "{} denies this process{user} the {what}; allow what the `topics acls` command prints",
        broker.addresses
    )
}

/// Whether an error says that an access rule is missing, which does not mend by itself.
pub(crate) fn is_denial(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed
        )
    )
}

/// One line for an error that says that an access rule is missing; none for any other. `topic` and
/// `group` are what was asked for.
pub(crate) fn denied_by(
    broker: &Broker,
    error: &KafkaError,
    topics: &[&str],
    group: &str,
) -> Option<String> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            let what = format!("{} {}", topics_word(topics), topics.join(", "));
            Some(denied(broker, &format!("reading of {what}")))
        }
        RDKafkaErrorCode::GroupAuthorizationFailed => {
            Some(denied(broker, &format!("group {group}")))
        }
        _ => None,
    }
}

/// One line that says which topics are missing where, and what to do.
pub(crate) fn missing_topics(brokers: &str, topics: &[&str]) -> String {
    format!(
        "{brokers} has no {} {}; create what is missing with the `topics apply` command",
        topics_word(topics),
        topics.join(", ")
    )
}

/// One line that says which broker does not answer, or why TLS or the broker refuses. Blocks: the
/// reason is asked for.
pub(crate) fn no_broker(broker: &Broker, error: &KafkaError) -> String {
    let brokers = &broker.addresses;
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve,
        )
        | None => {
            refusal(broker).unwrap_or_else(|| format!("no Kafka broker answers at {brokers}"))
        }
        Some(code) => format!("the Kafka broker at {brokers} refuses: {code}"),
    }
}
