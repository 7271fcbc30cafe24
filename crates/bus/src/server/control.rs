//! What may follow a request while it waits or runs: its caller has gone, or takes more of a stream.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The calls that wait or run outside the poll thread, by correlation id.
#[derive(Debug, Default)]
pub(super) struct Controls {
    calls: Mutex<HashMap<Vec<u8>, Handle>>,
}

#[derive(Debug, Clone)]
struct Handle {
    gone: CancellationToken,
    window: watch::Sender<u64>,
}

/// A call that can be told. Forgotten when dropped.
#[derive(Debug)]
pub(super) struct Control {
    controls: Arc<Controls>,
    id: Vec<u8>,
    handle: Handle,
    window: watch::Receiver<u64>,
}

// === impl Controls ===

impl Controls {
    /// Registers a call whose caller takes `window` messages for now.
    pub(super) fn register(self: &Arc<Self>, id: &[u8], window: u64) -> Control {
        let (sender, receiver) = watch::channel(window);
        let handle = Handle {
            gone: CancellationToken::new(),
            window: sender,
        };
        // A copy of a request that runs takes its place: the caller hears the newer one.
        self.calls.lock().insert(id.to_vec(), handle.clone());
        Control {
            controls: Arc::clone(self),
            id: id.to_vec(),
            handle,
            window: receiver,
        }
    }

    /// Nobody waits for a call any more.
    pub(super) fn cancel(&self, id: &[u8]) {
        if let Some(handle) = self.calls.lock().get(id) {
            handle.gone.cancel();
        }
    }

    /// The caller takes messages up to a number.
    pub(super) fn widen(&self, id: &[u8], window: u64) {
        if let Some(handle) = self.calls.lock().get(id) {
            handle.window.send_if_modified(|known| {
                let wider = window > *known;
                *known = window.max(*known);
                wider
            });
        }
    }
}

// === impl Control ===

impl Control {
    /// Ends when the caller has gone.
    pub(super) async fn gone(&self) {
        self.handle.gone.cancelled().await;
    }

    /// Cancelled when the caller has gone.
    pub(super) fn token(&self) -> CancellationToken {
        self.handle.gone.clone()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.handle.gone.is_cancelled()
    }

    /// Ends when the caller takes the message of this number.
    pub(super) async fn takes(&mut self, number: u64) {
        // The sender lives as long as this does.
        let _ = self.window.wait_for(|window| number < *window).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let mut calls = self.controls.calls.lock();
        let own = |handle: &Handle| handle.window.same_channel(&self.handle.window);
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
        let mut control = controls.register(b"1", 1);
        control.takes(0).await;
        controls.widen(b"1", 5);
        controls.widen(b"1", 3);
        control.takes(4).await;
    }
}
