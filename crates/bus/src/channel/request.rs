//! A call as a record.

use std::time::Duration;

use bytes::Bytes;
use chassis::contract::Method;
use chassis::timeout;
use http::request::Parts;
use tonic::Status;

use super::Shared;
use crate::header;
use crate::record::Outgoing;

/// The length of a correlation id: two numbers of 8 bytes in hexadecimal.
pub(super) const CORRELATION_LENGTH: usize = 32;

/// `<id of the channel><number of the call>` in hexadecimal.
pub(super) fn correlation_id(channel: u64, number: u64) -> Vec<u8> {
    format!("{channel:016x}{number:016x}").into_bytes()
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

impl Shared {
    /// The signed record of a call, sealed where the contract says so.
    pub(super) fn request(
        &self,
        method: &Method,
        head: &Parts,
        message: Bytes,
        correlation_id: Vec<u8>,
        budget: Duration,
        time_ms: i64,
    ) -> Result<Outgoing, Status> {
        let partition = self
            .reply_partition
            .load(std::sync::atomic::Ordering::Acquire);
        let mut record = Outgoing::new(method.topic.clone(), time_ms, message);
        record.header(header::CORRELATION_ID, correlation_id);
        record.header(header::REPLY_TOPIC, self.reply_topic.clone().into_bytes());
        record.header(header::REPLY_PARTITION, partition.to_be_bytes().to_vec());
        record.header(header::METHOD, method.path.clone().into_bytes());
        record.header(header::TIMEOUT, timeout::format(budget).into_bytes());
        record.header(header::CONTENT_TYPE, header::PROTOBUF.to_vec());
        if let Some(key) = head.headers.get(header::IDEMPOTENCY_KEY) {
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
        assert_eq!(id.len(), CORRELATION_LENGTH);
        assert_eq!(call_number(0xfeed, &id), Some(7));
        assert_eq!(call_number(0xbeef, &id), None);
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
