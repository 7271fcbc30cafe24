//! The one record that answers a request.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Response};
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext};
use tonic::Status;
use tonic::body::Body;

use super::Shared;
use crate::producer::PolledProducer;
use crate::record::{Outgoing, Received, millis};
use crate::settings::Settings;
use crate::{frame, header};

/// Says which replies were not delivered. Their callers end by their deadlines.
pub(super) struct Context;

impl ClientContext for Context {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::warn!("a reply was not delivered: {error}");
        }
    }
}

pub(super) fn create(settings: &Settings) -> Result<PolledProducer<Context>, KafkaError> {
    PolledProducer::create(&settings.call_producer(), Context)
}

/// Where a reply goes.
#[derive(Debug, Clone)]
pub(super) struct Address {
    topic: String,
    partition: i32,
    correlation_id: Vec<u8>,
}

impl Address {
    /// Reads the address from a request. The partition may be 4 bytes or decimal text.
    ///
    /// # Errors
    /// What is missing or not allowed.
    pub(super) fn of(received: &Received<'_>, shared: &Shared) -> Result<Self, &'static str> {
        let topic = received
            .text(header::REPLY_TOPIC)
            .ok_or("it names no reply topic")?;
        if !is_reply_topic(topic, &shared.options.reply_topics) {
            return Err("its reply topic is not one that replies may go to");
        }
        let partition = received.header(header::REPLY_PARTITION).and_then(partition);
        let partition = partition.ok_or("its reply partition is no number")?;
        let correlation_id = received.header(header::CORRELATION_ID);
        let correlation_id = correlation_id.ok_or("it has no correlation id")?.to_vec();
        Ok(Self {
            topic: topic.to_owned(),
            partition,
            correlation_id,
        })
    }
}

/// Where replies may go: `reply.*`, `*.reply` and what the operator names. Otherwise a writer of
/// requests could make a service write anywhere.
fn is_reply_topic(topic: &str, named: &[String]) -> bool {
    topic.starts_with("reply.") || topic.ends_with(".reply") || named.iter().any(|n| n == topic)
}

fn partition(bytes: &[u8]) -> Option<i32> {
    let number = match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) if bytes[0] == 0 => i32::from_be_bytes(bytes),
        _ => std::str::from_utf8(bytes).ok()?.parse().ok()?,
    };
    (number >= 0).then_some(number)
}

impl Shared {
    /// Sends the answer to a request. `sealed`: encrypt the message.
    pub(super) async fn answer(&self, to: &Address, response: Response<Body>, sealed: bool) {
        let (head, body) = response.into_parts();
        let answer = match frame::collect(body, self.settings.message_limit).await {
            Ok((message, trailers)) => (head.headers, message, trailers.unwrap_or_default()),
            Err(status) => failure(&status),
        };
        self.send_reply(to, answer, sealed);
    }

    /// Answers a request with an error.
    pub(super) fn refuse(&self, to: &Address, status: &Status) {
        self.send_reply(to, failure(status), false);
    }

    fn send_reply(
        &self,
        to: &Address,
        (headers, message, trailers): (HeaderMap, Option<Bytes>, HeaderMap),
        sealed: bool,
    ) {
        let time_ms = millis(SystemTime::now());
        let message = message.unwrap_or_default();
        let mut record = Outgoing::new(to.topic.clone(), time_ms, message);
        record.partition = Some(to.partition);
        record.header(header::CORRELATION_ID, to.correlation_id.clone());
        record.header(header::CONTENT_TYPE, header::PROTOBUF.to_vec());
        let mut has_status = false;
        for (name, value) in headers.iter().chain(&trailers) {
            let name = name.as_str();
            if name.starts_with("grpc-") {
                has_status |= name == header::STATUS;
                record.header(name.to_owned(), value.as_bytes().to_vec());
            } else if name != "content-type" && name != "date" {
                let name = format!("{}{name}", header::META_PREFIX);
                record.header(name, value.as_bytes().to_vec());
            }
        }
        if !has_status {
            record.header(header::STATUS, b"2".to_vec());
        }
        if sealed && let Err(error) = self.settings.keys.seal(&mut record) {
            tracing::error!("a reply was not sent: {error}");
            return;
        }
        self.settings.keys.sign(&mut record);
        let message = BaseRecord::<'_, [u8], [u8]>::to(&record.topic)
            .payload(&record.value[..])
            .partition(to.partition)
            .headers(record.kafka_headers())
            .timestamp(record.time_ms);
        if let Err(error) = self.replies.send(message) {
            tracing::warn!("a reply was not sent: {error}");
        }
    }
}

fn failure(status: &Status) -> (HeaderMap, Option<Bytes>, HeaderMap) {
    let mut trailers = HeaderMap::new();
    if let Err(unwritable) = status.add_header(&mut trailers) {
        tracing::error!("a status could not be written: {unwritable}");
    }
    (HeaderMap::new(), None, trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_go_to_reply_topics_alone() {
        let named = ["answers".to_owned()];
        for good in ["reply.gateway", "user.find.reply", "answers"] {
            assert!(is_reply_topic(good, &named), "{good}");
        }
        for bad in [
            "user.find",
            "notification.send.email",
            "replyx",
            "reply",
            "",
        ] {
            assert!(!is_reply_topic(bad, &named), "{bad}");
        }
    }

    #[test]
    fn a_partition_is_four_bytes_or_decimal_text() {
        assert_eq!(partition(&[0, 0, 0, 7]), Some(7));
        assert_eq!(partition(&[0, 1, 0, 0]), Some(65536));
        assert_eq!(partition(b"7"), Some(7));
        assert_eq!(partition(b"1024"), Some(1024));
        for bad in [&b""[..], b"-1", b"x", &[255, 255, 255, 255], &[0, 0, 7]] {
            assert_eq!(partition(bad), None, "{bad:?}");
        }
    }
}
