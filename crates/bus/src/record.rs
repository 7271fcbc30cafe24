//! A record before it is sent, and after it was received.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};

use crate::header;
use crate::header::dead_letter::{ORIGINAL_OFFSET, ORIGINAL_PARTITION, ORIGINAL_TOPIC};

/// A record that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) topic: Cow<'static, str>,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<Vec<u8>>,
    /// `CreateTime`, in milliseconds since 1970; set by us since the MAC covers it.
    pub(crate) time_ms: i64,
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, [u8]>)>,
    pub(crate) value: Bytes,
}

/// A record that was consumed.
#[derive(Debug, Clone)]
pub(crate) struct Received<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) time_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: Vec<(&'a str, &'a [u8])>,
    pub(crate) value: &'a [u8],
}

/// Now, as a record's `CreateTime`.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

// === impl Outgoing ===

impl Outgoing {
    pub(crate) fn new(topic: impl Into<Cow<'static, str>>, time_ms: i64, value: Bytes) -> Self {
        let headers = Vec::with_capacity(12);
        Self {
            topic: topic.into(),
            partition: None,
            key: None,
            time_ms,
            headers,
            value,
        }
    }

    pub(crate) fn header(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, [u8]>>,
    ) {
        self.headers.push((name.into(), value.into()));
    }

    /// What ciphertext in this record is bound to.
    pub(crate) fn context(&self, part: &str) -> Vec<u8> {
        let id = |name| {
            let found = self.headers.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.as_ref())
        };
        context(
            &self.topic,
            self.time_ms,
            id(header::CORRELATION_ID).or(id(header::CE_ID)),
            part,
        )
    }

    pub(crate) fn kafka_headers(&self) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers.iter().fold(headers, |headers, (name, value)| {
            headers.insert(Header {
                key: name,
                value: Some(value.as_ref()),
            })
        })
    }
}

// === impl Received ===

impl<'a> Received<'a> {
    pub(crate) fn read(message: &'a BorrowedMessage<'a>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let mut read = Vec::with_capacity(headers.count());
            let all = headers.iter();
            read.extend(all.map(|header| (header.key, header.value.unwrap_or_default())));
            read
        });
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            time_ms: message.timestamp().to_millis().unwrap_or(0),
            key: message.key(),
            headers,
            value: message.payload().unwrap_or_default(),
        }
    }

    /// How long ago it was written, by the clocks of both machines.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        let age = millis(now).saturating_sub(self.time_ms);
        // A clock that is behind the writer's makes no record younger than new.
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| *value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.header(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The topic that the record was first sent to, which its MAC covers: its own, or for a record
    /// on `<topic>.retry.<n>` or `<topic>.dlq` that one. Read from the name, not from a header, so
    /// that nobody without a key can move a record from one topic to another.
    pub(crate) fn origin_topic(&self) -> &'a str {
        self.origin().0
    }

    /// The same with `n`, which is 0 where the record is on no retry topic.
    pub(crate) fn origin(&self) -> (&'a str, usize) {
        if let Some(origin) = self.topic.strip_suffix(header::DEAD_LETTER_SUFFIX) {
            return (origin, 0);
        }
        let split = self.topic.rsplit_once(header::RETRY_INFIX);
        split
            .and_then(|(origin, tier)| Some((origin, tier.parse::<u8>().ok()?.into())))
            .unwrap_or((self.topic, 0))
    }

    /// Where the record was first: topic, partition and offset. A copy on a retry topic says so in
    /// headers that are not signed.
    pub(crate) fn first_place(&self) -> (&'a str, i32, i64) {
        let here = (self.topic, self.partition, self.offset);
        if self.origin().1 == 0 {
            return here;
        }
        let first = || {
            let partition = i32::from_be_bytes(self.header(ORIGINAL_PARTITION)?.try_into().ok()?);
            let offset = i64::from_be_bytes(self.header(ORIGINAL_OFFSET)?.try_into().ok()?);
            Some((self.text(ORIGINAL_TOPIC)?, partition, offset))
        };
        first().unwrap_or(here)
    }

    pub(crate) fn context(&self, part: &str) -> Vec<u8> {
        let id = self
            .header(header::CORRELATION_ID)
            .or_else(|| self.header(header::CE_ID));
        context(self.origin_topic(), self.time_ms, id, part)
    }
}

fn context(topic: &str, time_ms: i64, id: Option<&[u8]>, part: &str) -> Vec<u8> {
    let id = id.unwrap_or_default();
    let mut context = Vec::with_capacity(topic.len() + id.len() + part.len() + 32);
    for bytes in [
        topic.as_bytes(),
        &time_ms.to_be_bytes(),
        id,
        part.as_bytes(),
    ] {
        context.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        context.extend_from_slice(bytes);
    }
    context
}
