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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::keys::KeyRing;
    use chassis::contract::Contract;
    use prost::Message as _;

    use super::*;

    fn sealer(services: &[&str]) -> Sealer {
        let contract = Contract::read(proto::descriptors(), services).unwrap();
        let keys = "k4.local.AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        Sealer::new(Arc::new(contract), KeyRing::parse(keys).unwrap(), "user")
    }

    fn seal(sealer: &Sealer) -> Result<OutboxRecord, SealError> {
        let welcome = SendWelcomeRequest {
            user_id: Uuid::nil().to_string(),
            email: "ada@example.com".into(),
            name: "Ada".into(),
        };
        sealer.seal_welcome(&welcome, "ada", Uuid::from_u128(1), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_welcome_is_an_event_of_the_contract() {
        let record = seal(&sealer(&["notification.v1.NotificationService"])).unwrap();
        assert_eq!(record.topic, "notification.send.welcome");
        assert_eq!(
            (record.kind.as_str(), record.key.as_str()),
            (SEND_WELCOME, "ada")
        );
        assert_eq!((record.id, record.created_ms), (Uuid::from_u128(1), 0));
        let id = record
            .headers
            .iter()
            .find(|(name, _)| name == "ce_id")
            .unwrap();
        assert_eq!(id.1, record.id.to_string().as_bytes());
        let welcome = SendWelcomeRequest::decode(record.value.as_slice()).unwrap();
        assert_eq!(welcome.name, "Ada");
        assert_eq!(EventRecord::from(record.clone()).headers, record.headers);
    }

    #[test]
    fn without_the_notification_contract_nothing_is_sealed() {
        let error = seal(&sealer(&["user.v1.UserService"])).unwrap_err();
        assert!(error.to_string().contains(SEND_WELCOME), "{error}");
    }
}
