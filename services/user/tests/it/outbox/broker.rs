//! A broker that keeps what it gets.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use user::outbox::{EventPublisher, OutboxRecord};
use uuid::Uuid;

/// Keeps what it gets, and refuses keys when told to.
#[derive(Debug, Clone, Default)]
pub(super) struct Broker(pub(super) Arc<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sent: Mutex<Vec<OutboxRecord>>,
    pub(super) refused: Mutex<HashSet<String>>,
    pub(super) in_flight: Mutex<HashSet<Uuid>>,
    pub(super) arrived: Notify,
    pub(super) turned_away: Notify,
}

impl EventPublisher for Broker {
    async fn publish(&self, record: OutboxRecord) -> Result<(), String> {
        assert!(
            self.0.in_flight.lock().unwrap().insert(record.id),
            "published twice at once"
        );
        tokio::task::yield_now().await;
        self.0.in_flight.lock().unwrap().remove(&record.id);
        if self.0.refused.lock().unwrap().contains(&record.key) {
            self.0.turned_away.notify_one();
            return Err("the broker refused".into());
        }
        self.0.sent.lock().unwrap().push(record);
        self.0.arrived.notify_one();
        Ok(())
    }
}

impl Broker {
    pub(super) fn refuse(&self, key: &str) {
        self.0.refused.lock().unwrap().insert(key.into());
    }

    pub(super) fn sent(&self) -> Vec<OutboxRecord> {
        self.0.sent.lock().unwrap().clone()
    }

    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.sent().iter().map(|record| record.id).collect()
    }
}
