//! Events: sealing one when its outbox row is written, publishing it later.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use chassis::contract::{Contract, Pattern};
use prost::Message;
use thiserror::Error;

use crate::header;
use crate::key;
use crate::keys::KeyRing;
use crate::record::{Outgoing, millis};

mod publisher;

pub use publisher::{PublishError, Publisher};

/// An event as it will be on the bus: sealed, signed, addressed. It can be stored and published
/// later, as often as it takes: its bytes stay the same, and so does its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Identifies the event for as long as anybody keeps it (`ce_id`).
    pub id: String,
    /// The gRPC path of the method that handles it (`ce_type`).
    pub kind: String,
    /// The topic.
    pub topic: String,
    /// Events with one key keep their order.
    pub key: String,
    /// The record's headers, in order; the MAC covers them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The record's value: protobuf, encrypted where the contract has secrets.
    pub value: Vec<u8>,
    /// The record's `CreateTime`, in milliseconds since 1970; the MAC covers it.
    pub created_ms: i64,
}

/// Makes events of a contract's methods.
#[derive(Debug, Clone)]
pub struct Sealer {
    contract: Arc<Contract>,
    keys: KeyRing,
    source: String,
}

/// The event cannot be made.
#[derive(Debug, Error)]
pub enum SealError {
    /// The contract has no such event.
    #[error("{0} is not an event of the contract")]
    NotAnEvent(String),
    /// The system has no randomness.
    #[error(transparent)]
    Seal(#[from] crate::keys::SealError),
}

/// A random id for an event that has none of its own.
pub(crate) fn random_id() -> Result<String, getrandom::Error> {
    Ok(format!(
        "{:016x}{:016x}",
        getrandom::u64()?,
        getrandom::u64()?
    ))
}

// === impl Sealer ===

impl Sealer {
    /// `source` names the service that the events come from (`ce_source`).
    #[must_use]
    pub fn new(contract: Arc<Contract>, keys: KeyRing, source: &str) -> Self {
        Self {
            contract,
            keys,
            source: source.to_owned(),
        }
    }

    /// The event of calling `path` with `message`. Events with one `key` keep their order; where the
    /// contract names the field that orders, and it is not empty, its value is the key instead. `id`
    /// identifies the event.
    ///
    /// # Errors
    /// The contract has no such event, or the system has no randomness.
    pub fn seal<M: Message>(
        &self,
        path: &str,
        message: &M,
        key: &str,
        id: &str,
        now: SystemTime,
    ) -> Result<EventRecord, SealError> {
        self.seal_bytes(path, message.encode_to_vec().into(), key, id, now)
    }

    /// The same for a message that is encoded already.
    ///
    /// # Errors
    /// The contract has no such event, or the system has no randomness.
    pub fn seal_bytes(
        &self,
        path: &str,
        message: Bytes,
        key: &str,
        id: &str,
        now: SystemTime,
    ) -> Result<EventRecord, SealError> {
        let method = self
            .contract
            .get(path)
            .filter(|method| method.pattern == Pattern::Event);
        let method = method.ok_or_else(|| SealError::NotAnEvent(path.to_owned()))?;
        let key = key::of(method, &message).unwrap_or_else(|| key.to_owned());
        let time_ms = millis(now);
        let time = jiff::Timestamp::from_millisecond(time_ms).unwrap_or(jiff::Timestamp::MAX);
        let mut record = Outgoing::new(method.topic.clone(), time_ms, message);
        record.header(header::METHOD, path.as_bytes().to_vec());
        record.header(header::CONTENT_TYPE, header::PROTOBUF);
        record.header(header::CE_ID, id.as_bytes().to_vec());
        record.header(header::CE_TYPE, path.as_bytes().to_vec());
        record.header(header::CE_SOURCE, format!("/{}", self.source).into_bytes());
        record.header(header::CE_SPECVERSION, b"1.0".as_slice());
        record.header(header::CE_TIME, format!("{time:.3}").into_bytes());
        if method.sealed {
            self.keys.seal(&mut record)?;
        }
        self.keys.sign(&mut record);
        // Outside the MAC, like the trace headers of a request.
        if let Some(trace) = chassis::trace::current() {
            for (name, value) in trace.headers() {
                record.header(name.to_string(), value.as_bytes().to_vec());
            }
        }
        Ok(EventRecord {
            id: id.to_owned(),
            kind: path.to_owned(),
            topic: method.topic.clone(),
            key,
            headers: record
                .headers
                .into_iter()
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect(),
            value: record.value.to_vec(),
            created_ms: time_ms,
        })
    }
}
