//! Waiting for the thing itself, with a deadline.

use std::time::{Duration, Instant};

/// How long anything may take that is not itself a matter of time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at that cannot be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What `work` gives, or a failure that says what took too long.
pub(crate) async fn within<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {limit:?}"),
    }
}

/// Looks until there is something, and says how long it took.
pub(crate) async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> (T, Duration) {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return (found, begun.elapsed());
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
