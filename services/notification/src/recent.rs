//! Drops an event that was delivered twice.
//!
//! The bus delivers each event at least once. The ids of the events that were handled lately are
//! kept in memory: a second delivery to the same process does nothing. What a restart or another
//! replica has seen is not known here, so a duplicate can still pass; it then has the same
//! `Message-ID`. A durable inbox does not exist yet.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use chassis::call::CallId;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// How many events are remembered: minutes of them at full speed, in a few megabytes.
pub const WINDOW: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// The events that were handled lately.
#[derive(Debug)]
pub struct Recent {
    window: Mutex<Window>,
    capacity: NonZeroUsize,
}

/// What was done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was handled.
    Handled,
    /// It had been handled before.
    Duplicate,
}

#[derive(Debug, Default)]
struct Window {
    events: HashMap<CallId, Arc<OnceCell<()>>>,
    order: VecDeque<CallId>,
}

// === impl Recent ===

impl Recent {
    /// Remembers the last `capacity` events.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            window: Mutex::default(),
            capacity,
        }
    }

    /// Runs `work` unless it succeeded for this event already. A duplicate that arrives meanwhile
    /// waits: should the first fail, or be dropped, the second runs. Without an id there is nothing
    /// to compare and the work runs.
    ///
    /// # Errors
    /// What `work` returns; the event may then be delivered again.
    pub async fn once<E>(
        &self,
        id: Option<&CallId>,
        work: impl Future<Output = Result<(), E>>,
    ) -> Result<Outcome, E> {
        let Some(id) = id else {
            return work.await.map(|()| Outcome::Handled);
        };
        let cell = self.cell(id);
        let mut outcome = Outcome::Duplicate;
        cell.get_or_try_init(|| {
            outcome = Outcome::Handled;
            work
        })
        .await?;
        Ok(outcome)
    }

    fn cell(&self, id: &CallId) -> Arc<OnceCell<()>> {
        let mut window = self.window.lock();
        if let Some(cell) = window.events.get(id) {
            return Arc::clone(cell);
        }
        if window.order.len() >= self.capacity.get()
            && let Some(oldest) = window.order.pop_front()
        {
            window.events.remove(&oldest);
        }
        let cell = Arc::new(OnceCell::new());
        window.order.push_back(id.clone());
        window.events.insert(id.clone(), Arc::clone(&cell));
        cell
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn id(text: &str) -> CallId {
        CallId(text.into())
    }

    fn ok() -> Ready<Result<(), ()>> {
        ready(Ok(()))
    }

    fn fails() -> Ready<Result<(), ()>> {
        ready(Err(()))
    }

    #[tokio::test]
    async fn an_event_is_handled_once() {
        let recent = Recent::default();
        assert_eq!(
            recent.once(Some(&id("a")), ok()).await,
            Ok(Outcome::Handled)
        );
        assert_eq!(
            recent.once(Some(&id("a")), ok()).await,
            Ok(Outcome::Duplicate)
        );
        assert_eq!(
            recent.once(Some(&id("b")), ok()).await,
            Ok(Outcome::Handled)
        );
    }

    #[tokio::test]
    async fn an_event_that_failed_is_handled_again() {
        let recent = Recent::default();
        assert_eq!(recent.once(Some(&id("a")), fails()).await, Err(()));
        assert_eq!(
            recent.once(Some(&id("a")), ok()).await,
            Ok(Outcome::Handled)
        );
        assert_eq!(
            recent.once(Some(&id("a")), fails()).await,
            Ok(Outcome::Duplicate)
        );
    }

    #[tokio::test]
    async fn calls_without_an_id_are_never_duplicates() {
        let recent = Recent::default();
        assert_eq!(recent.once(None, ok()).await, Ok(Outcome::Handled));
        assert_eq!(recent.once(None, ok()).await, Ok(Outcome::Handled));
    }

    #[tokio::test]
    async fn duplicates_at_the_same_time_run_one_after_another_until_one_succeeds() {
        let recent = Recent::default();
        let runs = AtomicUsize::new(0);
        let second_succeeds = || async {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if run == 0 { Err(()) } else { Ok(()) }
        };
        let a = id("a");
        let (first, second, third) = tokio::join!(
            recent.once(Some(&a), second_succeeds()),
            recent.once(Some(&a), second_succeeds()),
            recent.once(Some(&a), second_succeeds()),
        );
        assert_eq!((first, second), (Err(()), Ok(Outcome::Handled)));
        assert_eq!(third, Ok(Outcome::Duplicate));
        assert_eq!(runs.into_inner(), 2);
    }

    #[tokio::test]
    async fn the_window_is_bounded_and_forgets_the_oldest() {
        let recent = Recent::new(NonZeroUsize::new(2).unwrap());
        for event in ["a", "b", "c"] {
            assert_eq!(
                recent.once(Some(&id(event)), ok()).await,
                Ok(Outcome::Handled)
            );
        }
        assert_eq!(
            recent.once(Some(&id("c")), ok()).await,
            Ok(Outcome::Duplicate)
        );
        assert_eq!(
            recent.once(Some(&id("a")), ok()).await,
            Ok(Outcome::Handled)
        );
        assert_eq!(recent.window.lock().events.len(), 2);
    }
}
