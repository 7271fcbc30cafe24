//! What may follow a request while it waits or runs: its caller has gone, or takes more of a stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The calls that wait or run outside the poll thread, by correlation id.
#[derive(Debug, Default)]
pub(super) struct Controls {
    calls: Mutex<HashMap<Vec<u8>, Arc<Told>>>,
}

/// What a call was told.
#[derive(Debug)]
struct Told {
    gone: AtomicBool,
    /// The caller takes the messages of a stream up to this number.
    window: AtomicU64,
    changed: Notify,
}

/// A call that can be told. Forgotten when dropped.
#[derive(Debug)]
pub(super) struct Control {
    controls: Arc<Controls>,
    id: Vec<u8>,
    told: Arc<Told>,
}

// === impl Controls ===

impl Controls {
    /// Registers a call whose caller takes `window` messages for now.
    pub(super) fn register(self: &Arc<Self>, id: &[u8], window: u64) -> Control {
        let mut calls = self.calls.lock();
        // What was told while it waited holds when it runs, and so does what is told on the way from there.
        let before = calls.get(id);
        let gone = before.is_some_and(|told| told.gone.load(Ordering::Acquire));
        let widened = before.map_or(0, |told| told.window.load(Ordering::Acquire));
        let told = Arc::new(Told {
            gone: AtomicBool::new(gone),
            window: AtomicU64::new(window.max(widened)),
            changed: Notify::new(),
        });
        // A copy of a request that runs takes its place: the caller hears the newer one.
        calls.insert(id.to_vec(), Arc::clone(&told));
        drop(calls);
        Control {
            controls: Arc::clone(self),
            id: id.to_vec(),
            told,
        }
    }

    /// Nobody waits for a call any more.
    pub(super) fn cancel(&self, id: &[u8]) {
        if let Some(told) = self.calls.lock().get(id) {
            told.gone.store(true, Ordering::Release);
            told.changed.notify_waiters();
        }
    }

    /// The caller takes messages up to a number.
    pub(super) fn widen(&self, id: &[u8], window: u64) {
        if let Some(told) = self.calls.lock().get(id) {
            told.window.fetch_max(window, Ordering::AcqRel);
            told.changed.notify_waiters();
        }
    }
}

// === impl Told ===

impl Told {
    /// Ends when something that was told makes it so.
    async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            // Hears of what is told from here on, though it is awaited later.
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}

// === impl Control ===

impl Control {
    pub(super) fn is_gone(&self) -> bool {
        self.told.gone.load(Ordering::Acquire)
    }

    /// Ends when the caller has gone.
    pub(super) async fn gone(&self) {
        self.told.until(|| self.is_gone()).await;
    }

    /// Ends when the caller takes the message of this number.
    pub(super) async fn takes(&self, number: u64) {
        let takes = || number < self.told.window.load(Ordering::Acquire);
        self.told.until(takes).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let mut calls = self.controls.calls.lock();
        let own = |told: &Arc<Told>| Arc::ptr_eq(told, &self.told);
        if calls.get(&self.id).is_some_and(own) {
            calls.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_hears_that_its_caller_has_gone_and_is_then_forgotten() {
        let controls = Arc::new(Controls::default());
        let (first, second) = (controls.register(b"1", 1), controls.register(b"2", 1));
        controls.cancel(b"1");
        controls.cancel(b"unknown");
        first.gone().await;
        assert!(first.is_gone() && !second.is_gone());
        drop((first, second));
        assert!(controls.calls.lock().is_empty());
    }

    #[tokio::test]
    async fn a_call_that_was_told_while_it_waited_knows_it_when_it_runs() {
        let controls = Arc::new(Controls::default());
        let waiting = controls.register(b"1", 1);
        controls.cancel(b"1");
        let running = controls.register(b"1", 1);
        drop(waiting);
        running.gone().await;
        drop(running);
        let waiting = controls.register(b"1", 1);
        controls.widen(b"1", 9);
        let running = controls.register(b"1", 1);
        running.takes(8).await;
        assert!(!running.is_gone());
        drop((waiting, running));
        assert!(!controls.register(b"1", 1).is_gone());
    }

    #[tokio::test]
    async fn a_copy_of_a_call_is_told_though_the_first_has_ended() {
        let controls = Arc::new(Controls::default());
        let (first, second) = (controls.register(b"1", 1), controls.register(b"1", 1));
        drop(first);
        controls.cancel(b"1");
        second.gone().await;
        drop(second);
        assert!(controls.calls.lock().is_empty());
    }

    #[tokio::test]
    async fn a_window_only_grows() {
        let controls = Arc::new(Controls::default());
        let control = controls.register(b"1", 1);
        control.takes(0).await;
        controls.widen(b"1", 5);
        controls.widen(b"1", 3);
        control.takes(4).await;
    }
}
