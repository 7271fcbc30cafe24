//! How much is worked on at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A number of slots. The poll thread waits for one; tasks give theirs back.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    closed_until: Option<Instant>,
}

/// A slot that is given back when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn used(&self) -> usize {
        self.state.lock().used
    }

    /// A slot, or nothing if none came free in time or no more are given.
    pub(super) fn take(self: &Arc<Self>, patience: Duration) -> Option<Slot> {
        let until = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.used >= self.limit && state.closed_until.is_none() {
            if self.changed.wait_until(&mut state, until).timed_out() {
                return None;
            }
        }
        if state.closed_until.is_some() {
            return None;
        }
        state.used += 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Gives no more slots.
    pub(super) fn close(&self, patience: Duration) {
        self.state.lock().closed_until = Some(Instant::now() + patience);
        self.changed.notify_all();
    }

    /// How long those that are taken may still be held, if no more are given.
    pub(super) fn closing(&self) -> Option<Duration> {
        let until = self.state.lock().closed_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.state.lock().used -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_when_dropped() {
        let slots = Arc::new(Slots::new(1));
        let slot = slots.take(Duration::ZERO).unwrap();
        assert!(slots.take(Duration::from_millis(1)).is_none());
        drop(slot);
        assert!(slots.take(Duration::ZERO).is_some());
        assert_eq!(slots.used(), 0);
    }

    #[test]
    fn closed_slots_are_not_given() {
        let slots = Arc::new(Slots::new(1));
        slots.close(Duration::ZERO);
        assert!(slots.take(Duration::from_secs(60)).is_none());
    }
}
