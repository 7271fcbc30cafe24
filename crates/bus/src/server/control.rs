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
    gone: CancellationToken,
    window: watch::Receiver<u64>,
}

// === impl Controls ===

impl Controls {
    /// Registers a call whose caller takes `window` messages for now.
    pub(super) fn register(self: &Arc<Self>, id: &[u8], window: u64) -> Control {
        let gone = CancellationToken::new();
        let (sender, receiver) = watch::channel(window);
        let handle = Handle {
            gone: gone.clone(),
            window: sender,
        };
        self.calls.lock().insert(id.to_vec(), handle);
        Control {
            controls: Arc::clone(self),
            id: id.to_vec(),
            gone,
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
        self.gone.cancelled().await;
    }

    /// Cancelled when the caller has gone.
    pub(super) fn token(&self) -> CancellationToken {
        self.gone.clone()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Ends when the caller takes the message of this number.
    pub(super) async fn takes(&mut self, number: u64) {
        // The sender lives in the map as long as this does.
        let _ = self.window.wait_for(|window| number < *window).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.controls.calls.lock().remove(&self.id);
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
    async fn a_window_only_grows() {
        let controls = Arc::new(Controls::default());
        let mut control = controls.register(b"1", 1);
        control.takes(0).await;
        controls.widen(b"1", 5);
        controls.widen(b"1", 3);
        control.takes(4).await;
    }
}
