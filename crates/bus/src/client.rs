//! Asking a broker about its topics.

use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

/// How long one question to the broker may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait before asking again for what was not there.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(300);

/// The number of partitions of each topic, or one line that says what is missing.
pub(crate) fn partitions<C: ClientContext>(
    client: &Client<C>,
    brokers: &str,
    topics: &[String],
) -> Result<Vec<i32>, String> {
    let mut missing = Vec::new();
    let mut counts = Vec::with_capacity(topics.len());
    for topic in topics {
        let metadata = client
            .fetch_metadata(Some(topic), ASK_TIMEOUT)
            .map_err(|error| no_broker(brokers, &error))?;
        match metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic)
            .and_then(count)
        {
            Some(count) => counts.push(count),
            None => missing.push(topic.as_str()),
        }
    }
    if missing.is_empty() {
        Ok(counts)
    } else {
        Err(missing_topics(brokers, &missing))
    }
}

fn count(topic: &MetadataTopic) -> Option<i32> {
    let count = i32::try_from(topic.partitions().len()).ok()?;
    (topic.error().is_none() && count > 0).then_some(count)
}

/// One line that says which topics are missing where, and what to do.
pub(crate) fn missing_topics(brokers: &str, topics: &[&str]) -> String {
    let plural = if topics.len() == 1 { "topic" } else { "topics" };
    format!(
        "{brokers} has no {plural} {}; create what is missing with the `topics apply` command",
        topics.join(", ")
    )
}

/// One line that says which broker does not answer.
pub(crate) fn no_broker(brokers: &str, error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve,
        )
        | None => format!("no Kafka broker answers at {brokers}"),
        Some(code) => format!("the Kafka broker at {brokers} refuses: {code}"),
    }
}
