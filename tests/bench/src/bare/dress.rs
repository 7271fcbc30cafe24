//! What a record carries besides its value.

use anyhow::{Context as _, Result};
use bus::header;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::FutureRecord;

use super::{PARTITION, REPLIES};

/// The path of the method that the bus's caller calls.
const METHOD: &str = "/echo.v1.EchoService/Echo";
/// Stands for the id of a key.
const KEY_ID: &[u8] = &[b'0'; 16];
/// Stands for a MAC.
const MAC: &[u8] = &[0; 32];

/// How a reply finds its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dress {
    /// By the correlation id, in a record with every header of the bus's, of the same lengths.
    Headers,
    /// By the record's key, without a header.
    Key,
}

/// The headers that are the same in each record of a kind.
#[derive(Debug, Clone)]
pub(super) enum Template {
    Headers(OwnedHeaders),
    Key,
}

type Record<'a> = FutureRecord<'a, [u8], [u8]>;

impl Dress {
    /// The dress of requests.
    pub(super) fn request(self) -> Template {
        self.template(&[
            (header::REPLY_TOPIC, REPLIES.as_bytes()),
            (header::REPLY_PARTITION, &PARTITION.to_be_bytes()),
            (header::METHOD, METHOD.as_bytes()),
            (header::TIMEOUT, b"5000m"),
            (header::CONTENT_TYPE, header::PROTOBUF),
            (header::KEY_ID, KEY_ID),
            (header::MAC, MAC),
        ])
    }

    /// The dress of replies.
    pub(super) fn reply(self) -> Template {
        self.template(&[
            (header::CONTENT_TYPE, header::PROTOBUF),
            (header::STATUS, b"0"),
            (header::KEY_ID, KEY_ID),
            (header::MAC, MAC),
        ])
    }

    fn template(self, headers: &[(&str, &[u8])]) -> Template {
        if self == Self::Key {
            return Template::Key;
        }
        // One more: the correlation id, which comes last.
        let empty = OwnedHeaders::new_with_capacity(headers.len() + 1);
        let all = headers.iter().fold(empty, |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(*value),
            })
        });
        Template::Headers(all)
    }

    /// The number of the call that a reply answers.
    pub(super) fn call(self, reply: &BorrowedMessage<'_>) -> Result<u64> {
        match self {
            Self::Headers => number(correlation_id(reply)?),
            Self::Key => Ok(u64::from_be_bytes(key(reply)?.try_into()?)),
        }
    }
}

impl Template {
    /// A request whose reply can be told by the number of the call. `key` outlives the record.
    pub(super) fn asking<'a>(
        &self,
        record: Record<'a>,
        call: u64,
        key: &'a mut [u8; 8],
    ) -> Record<'a> {
        match self {
            Self::Headers(headers) => {
                let id = format!("{:016x}{call:016x}", 0);
                record.headers(with_id(headers, id.as_bytes()))
            }
            Self::Key => {
                *key = call.to_be_bytes();
                record.key(key)
            }
        }
    }

    /// A reply to a request.
    ///
    /// # Errors
    /// When the request does not say which call it is.
    pub(super) fn answering<'a>(
        &self,
        record: Record<'a>,
        request: &'a BorrowedMessage<'_>,
    ) -> Result<Record<'a>> {
        Ok(match self {
            Self::Headers(headers) => record.headers(with_id(headers, correlation_id(request)?)),
            Self::Key => record.key(key(request)?),
        })
    }
}

fn with_id(headers: &OwnedHeaders, id: &[u8]) -> OwnedHeaders {
    headers.clone().insert(Header {
        key: header::CORRELATION_ID,
        value: Some(id),
    })
}

fn key<'a>(message: &'a BorrowedMessage<'_>) -> Result<&'a [u8]> {
    message.key().context("a record without a key")
}

/// The last header's value.
fn correlation_id<'a>(message: &'a BorrowedMessage<'_>) -> Result<&'a [u8]> {
    let headers = message.headers().context("a record without headers")?;
    let last = headers.count().checked_sub(1);
    let id = last.and_then(|last| headers.get(last).value);
    id.context("a record without a correlation id")
}

fn number(correlation_id: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(correlation_id)?;
    let low = text.get(16..).context("a correlation id that is short")?;
    Ok(u64::from_str_radix(low, 16)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_the_second_half_of_its_correlation_id() {
        let number = number(format!("{:016x}{:016x}", 0, 77).as_bytes());
        assert_eq!(number.unwrap(), 77);
    }
}
