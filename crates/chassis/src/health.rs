//! The state of each dependency, and readiness.
//!
//! A process is ready when every [`Component`] it registered is up. Each change of state is logged
//! once, here, so that waiting for a part writes one line and not one per attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// The states of all components of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Health {
    /// Comes before the names of the components that are registered through this value.
    prefix: String,
    states: Arc<watch::Sender<BTreeMap<String, State>>>,
}

/// The state of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Up,
    /// It does not, for this reason.
    Down(String),
}

/// The handle by which a component reports its own state.
#[derive(Debug, Clone)]
pub struct Component {
    name: String,
    health: Health,
}

// === impl Health ===

impl Default for Health {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            states: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }
}

impl Health {
    /// Registers a component, which is down until it says otherwise.
    #[must_use]
    pub fn component(&self, name: &str) -> Component {
        let name = format!("{}{name}", self.prefix);
        self.states.send_modify(|states| {
            states.insert(name.clone(), State::Down("starting".into()));
        });
        Component {
            name,
            health: self.clone(),
        }
    }

    /// The health of a part of this process: its components are registered as `part.name`.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        Self {
            prefix: format!("{}{part}.", self.prefix),
            states: Arc::clone(&self.states),
        }
    }

    /// Whether every component is up.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.states
            .borrow()
            .values()
            .all(|state| *state == State::Up)
    }

    /// The state of each component by name.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, State> {
        self.states.borrow().clone()
    }

    /// Ends when every component is up.
    pub async fn ready(&self) {
        let all_up = |states: &BTreeMap<String, State>| states.values().all(|s| *s == State::Up);
        // Fails only when the sender is gone, and `self` holds it.
        let _ = self.states.subscribe().wait_for(all_up).await;
    }

    /// Tells of every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<BTreeMap<String, State>> {
        self.states.subscribe()
    }
}

// === impl Component ===

impl Component {
    /// The component answers.
    pub fn up(&self) {
        if self.set(&State::Up) {
            tracing::info!(component = %self.name, "{} is up", self.name);
        }
    }

    /// The component does not answer. `reason` says what was tried at which address.
    pub fn down(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.set(&State::Down(reason.clone())) {
            tracing::warn!(component = %self.name, "{} is not available: {reason}", self.name);
        }
    }

    fn set(&self, new: &State) -> bool {
        self.health.states.send_if_modified(|states| {
            let old = states.insert(self.name.clone(), new.clone());
            old.as_ref() != Some(new)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_component_is_up() {
        let health = Health::default();
        let (kafka, database) = (health.component("kafka"), health.component("database"));
        assert!(!health.is_ready());
        kafka.up();
        assert!(!health.is_ready());
        database.up();
        assert!(health.is_ready());
        kafka.down("127.0.0.1:1: connection refused");
        assert!(!health.is_ready());
    }

    #[tokio::test]
    async fn waiting_ends_when_the_last_component_comes_up() {
        let health = Health::default();
        let kafka = health.component("kafka");
        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        kafka.up();
        waiting.await.unwrap();
    }
}
