//! The records that answer a request.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chassis::contract::Method;
use http::{HeaderMap, HeaderValue, Response};
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext};
use tonic::body::Body;
use tonic::{Code, Status};

use super::Shared;
use super::address::Address;
use crate::producer::{Lane, LanedProducer};
use crate::record::{Outgoing, millis};
use crate::settings::Settings;
use crate::{frame, header};

/// How long a reply may wait for room in the producer's queue. Callers do not wait for longer.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

/// How soon to look for room again.
const ROOM_AGAIN: Duration = Duration::from_millis(5);

/// Counts the replies that were not delivered. Their callers end by their deadlines.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    undelivered: Arc<AtomicU64>,
}

impl ClientContext for Context {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, reply)) = result {
            // An outage fails thousands in a row: one line for the first and each thousandth.
            let before = self.undelivered.fetch_add(1, Ordering::Relaxed);
            if before.is_multiple_of(1000) {
                let undelivered = before + 1;
                let topic = reply.topic();
                tracing::warn!(undelivered, "replies are not delivered to {topic}: {error}");
            }
        }
    }
}

pub(super) fn create(settings: &Settings) -> Result<LanedProducer<Context>, KafkaError> {
    LanedProducer::create(&settings.call_producer(), Context::default())
}

/// What an answer consists of.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) metadata: HeaderMap,
    pub(super) message: Option<Bytes>,
    pub(super) trailers: HeaderMap,
    /// In a stream: the run of the handler and the number of this message.
    pub(super) place: Option<(Arc<str>, u64)>,
    /// Whether it is the last of a stream, which has no message.
    pub(super) end: bool,
}

impl Answer {
    pub(super) fn failed(status: &Status) -> Self {
        let mut trailers = HeaderMap::new();
        if let Err(unwritable) = status.add_header(&mut trailers) {
            tracing::error!("a status could not be written: {unwritable}");
        }
        Self {
            trailers,
            ..Self::default()
        }
    }

    pub(super) fn done() -> Self {
        Self::failed(&Status::ok(""))
    }

    /// The answer that a unary handler gave.
    pub(super) async fn collect(response: Response<Body>, limit: usize) -> Self {
        let (head, body) = response.into_parts();
        match frame::collect(body, limit).await {
            Ok((message, trailers)) => Self {
                metadata: head.headers,
                message,
                trailers: trailers.unwrap_or_default(),
                ..Self::default()
            },
            Err(status) => Self::failed(&status),
        }
    }

    fn status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.metadata))
            .unwrap_or_else(|| Status::unknown("the service gave no status"))
    }
}

impl Shared {
    /// Sends an answer; waits while the producer has no room.
    pub(super) async fn answer(&self, to: &Address, method: &Method, answer: Answer) {
        let Some(record) = self.reply(to, Some(method), answer) else {
            return;
        };
        let until = tokio::time::Instant::now() + ROOM_WITHIN;
        while !self.deliver(to.lane, &record) {
            if tokio::time::Instant::now() >= until {
                tracing::warn!("a reply was not sent: the producer's queue stays full");
                return;
            }
            tokio::time::sleep(ROOM_AGAIN).await;
        }
    }

    /// Answers a request with an error, on the poll thread, which may not wait.
    pub(super) fn refuse(&self, to: &Address, status: &Status) {
        self.answer_now(to, Answer::failed(status));
    }

    pub(super) fn answer_now(&self, to: &Address, answer: Answer) {
        if let Some(record) = self.reply(to, None, answer)
            && !self.deliver(to.lane, &record)
        {
            tracing::warn!("a reply was not sent: the producer's queue is full");
        }
    }

    /// The record of an answer, in the caller's form. An answer to no method is in the clear: it
    /// says nothing that is secret.
    fn reply(&self, to: &Address, method: Option<&Method>, answer: Answer) -> Option<Outgoing> {
        match self.try_reply(to, method, answer) {
            Ok(record) => Some(record),
            Err(status) => match self.try_reply(to, None, Answer::failed(&status)) {
                Ok(record) => Some(record),
                Err(status) => {
                    tracing::error!("a reply was not sent: {}", status.message());
                    None
                }
            },
        }
    }

    fn try_reply(
        &self,
        to: &Address,
        method: Option<&Method>,
        answer: Answer,
    ) -> Result<Outgoing, Status> {
        // Only a foreign caller's form depends on it.
        let status = if to.dialect.is_own() {
            Status::ok("")
        } else {
            answer.status()
        };
        let time_ms = millis(SystemTime::now());
        let message = answer.message.unwrap_or_default();
        let mut record = Outgoing::new(to.topic.clone(), time_ms, message);
        record.partition = to.partition;
        record.header(header::CORRELATION_ID, to.correlation_id.clone());
        let mut has_status = false;
        for (name, value) in answer.metadata.iter().chain(&answer.trailers) {
            let name = name.as_str();
            if name == header::STATUS {
                has_status = true;
                record.header(header::STATUS, status_value(value));
            } else if name.starts_with("grpc-") {
                record.header(name.to_owned(), value.as_bytes().to_vec());
            } else if name != "content-type" && name != "date" {
                let name = format!("{}{name}", header::META_PREFIX);
                record.header(name, value.as_bytes().to_vec());
            }
        }
        let in_stream = answer.place.is_some() && !answer.end;
        if !has_status && !in_stream {
            record.header(header::STATUS, b"2".as_slice());
        }
        if let Some((run, number)) = answer.place {
            record.header(header::RUN, run.as_bytes().to_vec());
            record.header(header::SEQUENCE, number.to_string().into_bytes());
        }
        if answer.end {
            record.header(header::END, b"1".as_slice());
        }
        if !to.dialect.is_own() {
            let output = method.map(Method::output);
            to.dialect.encode(&mut record, output.as_ref(), &status)?;
            return Ok(record);
        }
        record.header(header::CONTENT_TYPE, header::PROTOBUF);
        if method.is_some_and(|method| method.sealed) {
            let sealed = self.settings.keys.seal(&mut record);
            sealed.map_err(|error| Status::unavailable(error.to_string()))?;
        }
        self.settings.keys.sign(&mut record);
        Ok(record)
    }

    /// Hands a record to librdkafka. False while it has no room.
    fn deliver(&self, lane: Lane, record: &Outgoing) -> bool {
        let mut message = BaseRecord::<'_, [u8], [u8]>::to(&record.topic)
            .payload(&record.value[..])
            .headers(record.kafka_headers())
            .timestamp(record.time_ms);
        if let Some(partition) = record.partition {
            message = message.partition(partition);
        }
        match self.replies.send(lane, message) {
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => false,
            Err(error) => {
                tracing::warn!("a reply was not sent: {error}");
                true
            }
            Ok(()) => true,
        }
    }
}

/// A `grpc-status`. The one that most replies have costs nothing.
fn status_value(value: &HeaderValue) -> Cow<'static, [u8]> {
    match value.as_bytes() {
        b"0" => Cow::Borrowed(b"0"),
        other => Cow::Owned(other.to_vec()),
    }
}

/// Whether a response has failed before any message: its status is among its headers.
pub(super) fn failure(response: &Response<Body>) -> Option<Status> {
    Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok)
}
