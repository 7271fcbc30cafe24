//! The relay: polls the outbox and publishes what it finds, at least once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::shutdown::Shutdown;
use futures_util::StreamExt as _;
use futures_util::stream;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{EventPublisher, OutboxRecord, claim, purge};
use crate::deps::Deps;
use crate::entity::outbox::Model;

/// How many keys are published at once: each waits for the broker, and their waits overlap.
const KEYS_AT_ONCE: usize = 64;

/// The wait after the first failure of an event. It doubles with each failure after that.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// The longest wait between two attempts: a broker that comes back is noticed soon.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// The longest pause of the relay itself while nothing but failures happen.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Characters of an error that are kept.
const ERROR_CHARS: usize = 500;

/// Publishes the events of an outbox.
#[derive(Debug)]
pub struct Relay<P> {
    db: DatabaseConnection,
    deps: Deps,
    publisher: P,
    poke: Arc<Notify>,
    settings: RelaySettings,
    owner: Uuid,
}

/// How a relay works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelaySettings {
    /// How often the outbox is polled. A commit in this process is noticed at once.
    pub poll: Duration,
    /// Events that are claimed at once.
    pub batch: u64,
    /// How long a claim holds. A relay that died delays its events by this much.
    pub lease: Duration,
}

/// What one turn of a relay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Events the broker has.
    pub published: usize,
    /// Events it refused for now.
    pub failed: usize,
    /// Events given back, behind a failed one of their key or for lack of time.
    pub released: usize,
}

/// What became of the events of one key.
#[derive(Default)]
struct KeyOutcome {
    published: Vec<Uuid>,
    failed: Option<(Model, String)>,
    released: Vec<Uuid>,
}

// === impl RelaySettings ===

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(200),
            batch: 256,
            lease: Duration::from_secs(30),
        }
    }
}

// === impl Relay ===

impl<P: EventPublisher> Relay<P> {
    /// A relay. `poke` wakes it before its next poll.
    #[must_use]
    pub fn new(
        db: DatabaseConnection,
        deps: Deps,
        publisher: P,
        poke: Arc<Notify>,
        settings: RelaySettings,
    ) -> Self {
        let owner = deps.ids.id(deps.clock.now());
        Self {
            db,
            deps,
            publisher,
            poke,
            settings,
            owner,
        }
    }

    /// Publishes until the soft stop begins, and finishes what it has claimed by then. Purges what
    /// is old meanwhile.
    pub async fn run(self, shutdown: Shutdown) {
        let purging = purge::run(&self.db, &*self.deps.clock, &shutdown);
        tokio::join!(self.publish_until(&shutdown), purging);
    }

    async fn publish_until(&self, shutdown: &Shutdown) {
        let mut failures = 0;
        while !shutdown.has_begun() {
            match self.turn().await {
                Ok(turn) if turn.published > 0 => {
                    failures = 0;
                    // There may be more.
                    continue;
                }
                Ok(turn) if turn.failed == 0 => failures = 0,
                // Nothing but failures: the broker is away, and trying row after row of a long
                // outbox would only wear out their attempts.
                Ok(_) => failures += 1,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                }
            }
            let waiting = async {
                if failures > 0 {
                    tokio::time::sleep(backoff(failures).min(LONGEST_PAUSE)).await;
                } else {
                    let poked = self.poke.notified();
                    // Either way it is time to look.
                    let _ = tokio::time::timeout(self.settings.poll, poked).await;
                }
            };
            tokio::select! {
                () = shutdown.begun() => {}
                () = waiting => {}
            }
        }
    }

    /// Claims one batch and publishes it.
    ///
    /// # Errors
    /// The database did not answer. What was published but not noted is published again.
    pub async fn turn(&self) -> Result<Turn, DbErr> {
        let RelaySettings { batch, lease, .. } = self.settings;
        let claimed_at = self.deps.clock.now();
        let rows = claim::claim(&self.db, self.owner, claimed_at, lease, batch).await?;
        let mut by_key: HashMap<String, Vec<Model>> = HashMap::new();
        for row in rows {
            by_key
                .entry(row.partition_key.clone())
                .or_default()
                .push(row);
        }
        let outcomes: Vec<KeyOutcome> = stream::iter(by_key.into_values())
            .map(|rows| self.publish_key(rows, claimed_at))
            .buffer_unordered(KEYS_AT_ONCE)
            .collect()
            .await;

        let mut turn = Turn::default();
        let (mut published, mut released, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for outcome in outcomes {
            published.extend(outcome.published);
            released.extend(outcome.released);
            failed.extend(outcome.failed);
        }
        turn.published = published.len();
        turn.failed = failed.len();
        turn.released = released.len();
        let now = self.deps.clock.now();
        claim::published(&self.db, published, now).await?;
        if let Some((row, error)) = failed.first() {
            // One line for all: when the broker is away they fail alike.
            tracing::warn!(event = %row.id, topic = %row.topic, attempts = row.attempts + 1,
                failed = turn.failed, %error, "events were not published; trying again");
        }
        for (row, error) in failed {
            let next = now + backoff(row.attempts);
            claim::failed(&self.db, self.owner, row.id, &error, next).await?;
        }
        claim::release(&self.db, self.owner, released).await?;
        Ok(turn)
    }

    /// Publishes the events of one key one after the other, up to the first that fails.
    async fn publish_key(
        &self,
        rows: Vec<Model>,
        claimed_at: crate::timestamp::Timestamp,
    ) -> KeyOutcome {
        let mut outcome = KeyOutcome::default();
        let mut rows = rows.into_iter();
        for row in rows.by_ref() {
            // Near its end the lease may pass to another relay while the broker is slow.
            if self.deps.clock.now().since(claimed_at) >= self.settings.lease / 2 {
                outcome.released.push(row.id);
                break;
            }
            let result = match OutboxRecord::try_from(row.clone()) {
                Ok(record) => self.publisher.publish(record).await,
                Err(error) => Err(error.to_string()),
            };
            match result {
                Ok(()) => outcome.published.push(row.id),
                Err(error) => {
                    outcome.failed = Some((row, error.chars().take(ERROR_CHARS).collect()));
                    break;
                }
            }
        }
        outcome.released.extend(rows.map(|row| row.id));
        outcome
    }
}

/// How long to wait after one more failure than `attempts`.
fn backoff(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
    FIRST_BACKOFF
        .saturating_mul(1 << doublings)
        .min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let waits: Vec<u128> = [0, 1, 2, 7, 8, i32::MAX]
            .map(|n| backoff(n).as_millis())
            .into();
        assert_eq!(waits, [200, 400, 800, 25_600, 30_000, 30_000]);
    }
}
