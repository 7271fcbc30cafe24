//! A call as a record, and what may follow it on the same partition.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chassis::contract::Method;
use chassis::timeout;
use http::request::Parts;
use tonic::Status;

use super::pending::Ticket;
use super::{Shared, producer};
use crate::header;
use crate::metrics::Outcome;
use crate::producer::Lane;
use crate::record::{Outgoing, millis};

/// The length of a correlation id: two numbers of 8 bytes in hexadecimal.
pub(super) const CORRELATION_LENGTH: usize = 32;

/// `<id of the channel><number of the call>` in hexadecimal.
pub(super) fn correlation_id(channel: u64, number: u64) -> Vec<u8> {
    let mut id = vec![0; CORRELATION_LENGTH];
    let nibbles = (0..16).rev().map(|shift| channel >> (4 * shift));
    let nibbles = nibbles.chain((0..16).rev().map(|shift| number >> (4 * shift)));
    for (digit, nibble) in id.iter_mut().zip(nibbles) {
        *digit = b"0123456789abcdef"[(nibble & 0xf) as usize];
    }
    id
}

/// The number of the call, if the id is one of this channel's.
pub(super) fn call_number(channel: u64, correlation_id: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(correlation_id).ok()?;
    if text.len() != CORRELATION_LENGTH || !text.is_ascii() {
        return None;
    }
    let (own, number) = text.split_at(CORRELATION_LENGTH / 2);
    (u64::from_str_radix(own, 16).ok()? == channel).then(|| u64::from_str_radix(number, 16).ok())?
}

/// A request that was sent. Dropped while its call still waits, it tells the service that nobody
/// does any more.
pub(super) struct Sent {
    shared: Arc<Shared>,
    method: Arc<Method>,
    ticket: Ticket,
    /// The request's, which what follows it must not overtake.
    lane: Lane,
    /// Unknown while the topic is.
    partition: Option<i32>,
}

impl Sent {
    pub(super) fn new(
        shared: &Arc<Shared>,
        method: &Arc<Method>,
        ticket: Ticket,
        lane: Lane,
        partition: Option<i32>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            method: Arc::clone(method),
            ticket,
            lane,
            partition,
        }
    }

    /// Lets the service send the messages of a stream up to a number.
    pub(super) fn widen(&self, window: u64) {
        self.follow(header::WINDOW, window.to_string().into_bytes());
    }

    /// Best effort: a record that is lost costs the service work, and the caller nothing.
    fn follow(&self, name: &'static str, value: impl Into<Cow<'static, [u8]>>) {
        let Some(partition) = self.partition else {
            return;
        };
        let number = self.ticket.number;
        let mut record = self.shared.control(&self.method, partition, number);
        record.header(name, value);
        self.shared.settings.keys.sign(&mut record);
        if let Err(status) = producer::send(&self.shared.producer, self.lane, &record, number) {
            tracing::debug!("{name} was not sent: {}", status.message());
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if self.ticket.waits() {
            self.shared.metrics.ended(Outcome::Cancelled);
            self.follow(header::CANCEL, b"1".as_slice());
        }
    }
}

/// Has the answers leave as the request does.
pub(super) fn mark(record: &mut Outgoing, lane: Lane) {
    if lane == Lane::Gathering {
        record.header(header::GATHER, b"1".as_slice());
    }
}

impl Shared {
    /// A record that is no request: what it is comes in a header of its own. Not yet signed.
    pub(super) fn control(&self, method: &Method, partition: i32, number: u64) -> Outgoing {
        let time_ms = millis(SystemTime::now());
        let mut record = Outgoing::new(method.topic.clone(), time_ms, Bytes::new());
        record.partition = Some(partition);
        self.address(&mut record, method, number);
        record
    }

    /// Who calls what, and where the reply goes.
    fn address(&self, record: &mut Outgoing, method: &Method, number: u64) {
        let partition = self
            .reply_partition
            .load(std::sync::atomic::Ordering::Acquire);
        let id = correlation_id(self.pending.channel_id(), number);
        record.header(header::CORRELATION_ID, id);
        record.header(header::REPLY_TOPIC, self.reply_topic.clone().into_bytes());
        record.header(header::REPLY_PARTITION, partition.to_be_bytes().to_vec());
        record.header(header::METHOD, method.path.clone().into_bytes());
    }

    /// The signed record of a call, sealed where the contract says so.
    pub(super) fn request(
        &self,
        method: &Method,
        head: &Parts,
        message: Bytes,
        number: u64,
        budget: Duration,
        lane: Lane,
    ) -> Result<Outgoing, Status> {
        let key = crate::key::of(method, &message).map(String::into_bytes);
        let mut record = Outgoing::new(method.topic.clone(), millis(SystemTime::now()), message);
        record.partition = self
            .partitions
            .choose(&method.topic, key.as_deref(), number);
        record.key = key;
        self.address(&mut record, method, number);
        mark(&mut record, lane);
        record.header(header::TIMEOUT, timeout::format(budget).as_bytes().to_vec());
        record.header(header::CONTENT_TYPE, header::PROTOBUF);
        if let Some(key) = head.headers.get(header::IDEMPOTENCY_KEY) {
            if key.len() > header::LONGEST_IDEMPOTENCY_KEY {
                return Err(Status::invalid_argument(format!(
                    "the idempotency-key is longer than {} bytes",
                    header::LONGEST_IDEMPOTENCY_KEY
                )));
            }
            record.header(header::IDEMPOTENCY_KEY, key.as_bytes().to_vec());
        }
        let no_randomness = |error: crate::keys::SealError| Status::unavailable(error.to_string());
        for name in header::REQUEST_METADATA {
            let Some(value) = head.headers.get(name) else {
                continue;
            };
            let field = format!("{}{name}", header::META_PREFIX);
            let value = if name == "authorization" {
                let keys = &self.settings.keys;
                keys.seal_header(&record, &field, value.as_bytes())
                    .map_err(no_randomness)?
            } else {
                value.as_bytes().to_vec()
            };
            record.header(field, value);
        }
        if method.sealed {
            self.settings
                .keys
                .seal(&mut record)
                .map_err(no_randomness)?;
        }
        self.settings.keys.sign(&mut record);
        for name in header::TRACE {
            if let Some(value) = head.headers.get(name) {
                record.header(name, value.as_bytes().to_vec());
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_id_names_channel_and_call() {
        let id = correlation_id(0xfeed, 7);
        assert_eq!(id, b"000000000000feed0000000000000007");
        assert_eq!(call_number(0xfeed, &id), Some(7));
        assert_eq!(call_number(0xbeef, &id), None);
        let id = correlation_id(u64::MAX, u64::MAX - 1);
        assert_eq!(call_number(u64::MAX, &id), Some(u64::MAX - 1));
    }

    #[test]
    fn a_foreign_correlation_id_is_passed_over() {
        for foreign in [
            &b""[..],
            b"x",
            b"\xff\xff",
            "ä".repeat(16).as_bytes(),
            &[b'+'; 32],
        ] {
            assert_eq!(call_number(0xfeed, foreign), None);
        }
    }
}
