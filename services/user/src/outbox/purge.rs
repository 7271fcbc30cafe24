//! What was published is kept for a while, then forgotten.

use std::time::Duration;

use chassis::shutdown::Shutdown;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, DatabaseConnection, DbErr, EntityTrait as _, QueryFilter as _};

use crate::deps::Clock;
use crate::entity::outbox::{Column, Entity};
use crate::timestamp::Timestamp;
use crate::{call_journal, idempotency_keys, session};

/// Published events are kept for this long, to see what was sent.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often old rows are looked for.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Rows that one statement deletes: few enough that writers hardly wait for it.
const BATCH: u64 = 500;

/// Forgets up to `batch` events that were published before `before`, and says how many.
///
/// # Errors
/// The database did not answer.
pub async fn published(
    db: &DatabaseConnection,
    before: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::PublishedAt).lt(before))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(Column::Id.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Purges now and then until the soft stop begins.
pub(super) async fn run(db: &DatabaseConnection, clock: &dyn Clock, shutdown: &Shutdown) {
    let purging = async {
        loop {
            if let Err(error) = everything_old(db, clock).await {
                tracing::warn!(%error, "old rows were not purged; trying again later");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    // Batches are statements of their own, so the stop may fall between any two.
    tokio::select! {
        () = shutdown.begun() => {}
        () = purging => {}
    }
}

/// Forgets all published events, noted calls, idempotency keys and expired sessions that are older
/// than they are kept, in batches.
///
/// # Errors
/// The database did not answer.
pub async fn everything_old(db: &DatabaseConnection, clock: &dyn Clock) -> Result<u64, DbErr> {
    let now = clock.now();
    let mut forgotten = 0;
    loop {
        let events = published(db, now - KEPT_FOR, BATCH).await?;
        let calls = call_journal::purge(db, now - call_journal::KEPT_FOR, BATCH).await?;
        let sessions = session::purge::expired(db, now - session::purge::KEPT_FOR, BATCH).await?;
        let keys = idempotency_keys::purge(db, now, BATCH).await?;
        forgotten += events + calls + sessions + keys;
        if [events, calls, sessions, keys]
            .iter()
            .all(|forgotten| *forgotten < BATCH)
        {
            return Ok(forgotten);
        }
    }
}
