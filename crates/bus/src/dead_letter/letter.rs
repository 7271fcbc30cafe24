//! One dead letter, as an operator may see it.

use std::fmt::Write as _;

use chassis::contract::Method;
use prost_reflect::DynamicMessage;

use super::log::Record;
use super::redact::redact;
use crate::header::{self, dead_letter};
use crate::keys::KeyRing;
use crate::record::Received;

/// A dead letter. Fields that the contract marks as secret are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where it is: on the dead-letter topic.
    pub place: Place,
    /// Where the event was, as the record says.
    pub original: Option<Place>,
    /// When the event was made, in milliseconds since 1970: its `CreateTime`.
    pub time_ms: i64,
    /// Its record key: text, or hexadecimal.
    pub key: Option<String>,
    /// The id of the event.
    pub event_id: Option<String>,
    /// The gRPC path of the method that handles it.
    pub method: String,
    /// The gRPC status code of the last attempt, by name.
    pub code: Option<String>,
    /// The status's message.
    pub reason: Option<String>,
    /// How many attempts there were.
    pub attempts: Option<u32>,
    /// All headers, in order: text, a number where it is one, or hexadecimal.
    pub headers: Vec<(String, String)>,
    /// What the event says.
    pub value: Value,
    /// Whether it was sent again.
    pub redriven: bool,
}

/// The place of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The message as ProtoJSON.
    Json(String),
    /// Nobody can tell.
    Unreadable {
        /// Why.
        why: String,
        /// How many bytes it has.
        bytes: usize,
    },
}

impl Letter {
    pub(super) fn read(
        topic: &str,
        record: &Record,
        redriven: bool,
        method: &Method,
        keys: &KeyRing,
    ) -> Self {
        let received = record.as_received(topic);
        let text = |name| received.text(name).map(str::to_owned);
        let number = |name| received.header(name).and_then(number);
        let original = || {
            Some(Place {
                topic: text(dead_letter::ORIGINAL_TOPIC)?,
                partition: i32::try_from(number(dead_letter::ORIGINAL_PARTITION)?).ok()?,
                offset: number(dead_letter::ORIGINAL_OFFSET)?,
            })
        };
        Self {
            place: Place {
                topic: topic.to_owned(),
                partition: record.partition,
                offset: record.offset,
            },
            original: original(),
            time_ms: record.time_ms,
            key: record.key.as_deref().map(printable),
            event_id: text(header::CE_ID),
            method: method.path.clone(),
            code: text(dead_letter::CODE),
            reason: text(dead_letter::MESSAGE),
            attempts: number(dead_letter::ATTEMPTS).and_then(|number| u32::try_from(number).ok()),
            headers: record.headers.iter().map(shown).collect(),
            value: json(record, &received, method, keys).unwrap_or_else(|why| Value::Unreadable {
                why,
                bytes: record.value.len(),
            }),
            redriven,
        }
    }
}

fn json(
    record: &Record,
    received: &Received<'_>,
    method: &Method,
    keys: &KeyRing,
) -> Result<Value, String> {
    if record.has_no_content() {
        return Err("it was too large to be kept with its reason; see where it was".into());
    }
    let refused = |why: crate::keys::Refused| why.to_string();
    keys.verify(received).map_err(refused)?;
    let plain = keys.open(received).map_err(refused)?;
    let no_message = |error: &dyn std::fmt::Display| format!("not a message: {error}");
    let mut message = DynamicMessage::decode(method.input(), plain.as_slice())
        .map_err(|error| no_message(&error))?;
    redact(&mut message);
    let json = serde_json::to_string(&message).map_err(|error| no_message(&error))?;
    Ok(Value::Json(json))
}

fn shown((name, value): &(String, Vec<u8>)) -> (String, String) {
    let is_number = matches!(
        name.as_str(),
        dead_letter::ORIGINAL_PARTITION
            | dead_letter::ORIGINAL_OFFSET
            | dead_letter::ORIGINAL_TIMESTAMP
            | dead_letter::ATTEMPTS
            | dead_letter::DUE
    );
    let number = number(value).filter(|_| is_number);
    let text = number.map_or_else(|| printable(value), |number| number.to_string());
    (name.clone(), text)
}

/// 4 or 8 bytes, big-endian.
fn number(bytes: &[u8]) -> Option<i64> {
    let short = <[u8; 4]>::try_from(bytes).map(|bytes| i32::from_be_bytes(bytes).into());
    short
        .or_else(|_| <[u8; 8]>::try_from(bytes).map(i64::from_be_bytes))
        .ok()
}

/// Text without control characters as it is, anything else in hexadecimal: it goes to a terminal.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.iter().fold(String::from("0x"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_shown_as_what_it_is() {
        let show = |name: &str, value: &[u8]| shown(&(name.into(), value.to_vec())).1;
        assert_eq!(show("ce_id", b"7"), "7");
        assert_eq!(show("kafka_dlt-attempts", &[0, 0, 0, 3]), "3");
        assert_eq!(
            show("kafka_dlt-original-offset", &40i64.to_be_bytes()),
            "40"
        );
        assert_eq!(show("kafka_dlt-exception-message", b"four"), "four");
        assert_eq!(show("rpc-mac", &[1, 255]), "0x01ff");
        assert_eq!(show("x", b"a\x1b[31m"), "0x611b5b33316d");
    }
}
