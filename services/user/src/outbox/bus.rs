//! The outbox on the platform's bus.

use std::time::SystemTime;

use bus::event::{EventRecord, Publisher, Sealer};
use proto::notification::v1::SendWelcomeRequest;
use uuid::Uuid;

use super::{EventPublisher, EventSealer, OutboxRecord, SealError};

/// The RPC that welcomes a user.
const SEND_WELCOME: &str = "/notification.v1.NotificationService/SendWelcome";

impl EventSealer for Sealer {
    fn seal_welcome(
        &self,
        welcome: &SendWelcomeRequest,
        key: &str,
        id: Uuid,
        now: SystemTime,
    ) -> Result<OutboxRecord, SealError> {
        let sealed = self.seal(SEND_WELCOME, welcome, key, &id.to_string(), now);
        let event = sealed.map_err(|error| SealError(error.into()))?;
        Ok(OutboxRecord {
            id,
            kind: event.kind,
            topic: event.topic,
            key: event.key,
            headers: event.headers,
            value: event.value,
            created_ms: event.created_ms,
        })
    }
}

impl EventPublisher for Publisher {
    async fn publish(&self, record: OutboxRecord) -> Result<(), String> {
        let event = EventRecord::from(record);
        Self::publish(self, &event)
            .await
            .map_err(|error| error.to_string())
    }
}

impl From<OutboxRecord> for EventRecord {
    fn from(record: OutboxRecord) -> Self {
        Self {
            id: record.id.to_string(),
            kind: record.kind,
            topic: record.topic,
            key: record.key,
            headers: record.headers,
            value: record.value,
            created_ms: record.created_ms,
        }
    }
}
