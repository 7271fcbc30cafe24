//! Events on their way to the broker.
//!
//! An event is sealed, headers and all, when the row is written, in the transaction of what it
//! tells. The [relay] publishes the same bytes as often as it takes.

use std::error::Error as StdError;
use std::future::Future;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::notification::v1::SendWelcomeRequest;
use sea_orm::{ActiveModelTrait as _, ConnectionTrait, DbErr, IntoActiveModel as _};
use thiserror::Error;
use uuid::Uuid;

pub mod bus;
mod claim;
pub mod purge;
pub mod relay;

pub use relay::{Relay, RelaySettings};

use crate::entity::outbox::Model;
use crate::timestamp::Timestamp;

/// An event as it will be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRecord {
    /// Identifies the event.
    pub id: Uuid,
    /// The path of the event's RPC.
    pub kind: String,
    /// The topic.
    pub topic: String,
    /// Events of one key are published in order.
    pub key: String,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The encoded message.
    pub value: Vec<u8>,
    /// The record's timestamp: milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: i64,
}

/// Makes events. The bus offers one.
pub trait EventSealer: std::fmt::Debug + Send + Sync {
    /// Seals the event that welcomes a user. `key` keeps a user's events in order; `id` identifies
    /// this one.
    ///
    /// # Errors
    /// The event is not in the contract, or cannot be encrypted.
    fn seal_welcome(
        &self,
        welcome: &SendWelcomeRequest,
        key: &str,
        id: Uuid,
        now: SystemTime,
    ) -> Result<OutboxRecord, SealError>;
}

/// Publishes events. The bus offers one.
pub trait EventPublisher: Send + Sync + 'static {
    /// Ends when the broker has the event.
    ///
    /// # Errors
    /// Why it has not, as far as is known. The event will be published again.
    fn publish(&self, record: OutboxRecord) -> impl Future<Output = Result<(), String>> + Send;
}

/// An event cannot be made.
#[derive(Debug, Error)]
#[error("the event cannot be sealed: {0}")]
pub struct SealError(#[source] pub Box<dyn StdError + Send + Sync>);

/// A row does not hold an event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the headers of outbox row {0} are not a JSON array of [name, Base64 value]")]
pub struct MalformedRow(pub Uuid);

/// Writes an event about `aggregate`, such as `("user", id)`, in a transaction.
///
/// # Errors
/// The database did not answer.
pub(crate) async fn write(
    transaction: &impl ConnectionTrait,
    aggregate: (&str, &str),
    record: OutboxRecord,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = Model {
        id: record.id,
        aggregatetype: aggregate.0.to_owned(),
        aggregateid: aggregate.1.to_owned(),
        headers: encode_headers(&record.headers),
        r#type: record.kind,
        payload: record.value,
        topic: record.topic,
        partition_key: record.key,
        created_at: Timestamp(record.created_ms),
        available_at: now,
        attempts: 0,
        lease_owner: None,
        lease_until: None,
        published_at: None,
        last_error: None,
    };
    row.into_active_model()
        .insert(transaction)
        .await
        .map(|_| ())
}

impl TryFrom<Model> for OutboxRecord {
    type Error = MalformedRow;

    fn try_from(row: Model) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.id,
            headers: decode_headers(&row.headers).ok_or(MalformedRow(row.id))?,
            kind: row.r#type,
            topic: row.topic,
            key: row.partition_key,
            value: row.payload,
            created_ms: row.created_at.as_millis(),
        })
    }
}

/// An array of pairs and no object: headers have an order, and a name may occur twice.
fn encode_headers(headers: &[(String, Vec<u8>)]) -> String {
    let pairs = headers
        .iter()
        .map(|(name, value)| serde_json::json!([name, STANDARD.encode(value)]));
    serde_json::Value::Array(pairs.collect()).to_string()
}

fn decode_headers(json: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).ok()?;
    pairs
        .into_iter()
        .map(|(name, value)| Some((name, STANDARD.decode(value).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back_as_they_were(
            headers in prop::collection::vec((".*", prop::collection::vec(any::<u8>(), 0..40)), 0..6)
        ) {
            prop_assert_eq!(decode_headers(&encode_headers(&headers)), Some(headers));
        }

        #[test]
        fn a_malformed_row_is_refused_and_no_panic(json in ".*") {
            let _ = decode_headers(&json);
        }
    }
}
