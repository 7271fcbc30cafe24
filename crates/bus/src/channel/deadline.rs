//! Ending calls by their deadlines: one task for all of them, which sleeps while there are none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pending::Pending;

/// How late a call may be ended.
const TICK: Duration = Duration::from_millis(20);

/// Ends calls until it is aborted.
pub(super) async fn watch(pending: Arc<Pending>) {
    loop {
        while pending.len() == 0 {
            pending.waited_for.notified().await;
        }
        tokio::time::sleep(TICK).await;
        pending.expire(Instant::now());
    }
}
