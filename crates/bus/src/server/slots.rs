//! How much is worked on at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A number of slots. The poll thread stops fetching when they are taken; tasks give theirs back.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// When the server stops: until when those that are taken may be held.
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
            given_back: Condvar::new(),
        }
    }

    pub(super) fn used(&self) -> usize {
        self.state.lock().used
    }

    /// A slot, over the limit if need be: for a record that was polled already.
    pub(super) fn take(self: &Arc<Self>) -> Slot {
        self.state.lock().used += 1;
        Slot(Arc::clone(self))
    }

    /// A slot, if one is free.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state.lock();
        if state.used >= self.limit {
            return None;
        }
        state.used += 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Whether no more should be fetched: events are taken over the limit, since those that wait to
    /// be tried again may not hold up calls.
    pub(super) fn are_over_full(&self) -> bool {
        self.used() >= self.limit * 2
    }

    /// Whether fetching should go on after it stopped: not at the first free slot, since stopping
    /// and going on costs a fetch each.
    pub(super) fn have_room(&self) -> bool {
        self.used() <= self.limit * 3 / 2
    }

    /// Waits until every slot is given back. Says whether they are.
    pub(super) fn drain(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.used > 0 {
            if self.given_back.wait_until(&mut state, until).timed_out() {
                return state.used == 0;
            }
        }
        true
    }

    /// The server stops; what is taken may be held for `patience`.
    pub(super) fn close(&self, patience: Duration) {
        self.state.lock().closed_until = Some(Instant::now() + patience);
    }

    /// How long those that are taken may still be held, if the server stops.
    pub(super) fn closing(&self) -> Option<Duration> {
        let until = self.state.lock().closed_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.state.lock().used -= 1;
        self.0.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_when_dropped() {
        let slots = Arc::new(Slots::new(1));
        let slot = slots.take();
        assert!(!slots.are_over_full() && slots.have_room());
        let over = slots.take();
        assert!(slots.are_over_full() && !slots.have_room());
        drop(over);
        assert!(!slots.drain(Duration::from_millis(1)));
        drop(slot);
        assert!(slots.have_room());
        assert!(slots.drain(Duration::from_millis(1)));
    }

    #[test]
    fn a_slot_can_be_had_while_one_is_free() {
        let slots = Arc::new(Slots::new(1));
        let slot = slots.try_take();
        assert!(slot.is_some() && slots.try_take().is_none());
        drop(slot);
        assert!(slots.try_take().is_some());
    }

    #[test]
    fn closing_tells_how_long_is_left() {
        let slots = Slots::new(1);
        assert_eq!(slots.closing(), None);
        slots.close(Duration::from_secs(60));
        assert!(
            slots
                .closing()
                .is_some_and(|left| left <= Duration::from_secs(60))
        );
    }
}
