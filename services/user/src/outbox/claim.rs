//! Which relay publishes which rows.
//!
//! A relay leases rows for a while. A claim takes, oldest first, rows that nobody holds, but none
//! whose key has an older row that somebody else holds or that waits for its next attempt: events
//! of one key stay in order across relays and failures.

use std::time::Duration;

use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, DbErr, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::database;
use crate::entity::outbox::{Column, Entity, Model};
use crate::timestamp::Timestamp;

/// Held while rows are claimed, so that claims follow one another. `SKIP LOCKED` would not do: a
/// claim that skips an older row of a key must not take a younger one. An arbitrary number that
/// nothing else uses.
const CLAIM_LOCK: i64 = 0x7573_6572_0002;

/// Claims up to `most` rows for `owner`, in the order in which to publish them.
pub(super) async fn claim(
    db: &DatabaseConnection,
    owner: Uuid,
    now: Timestamp,
    lease: Duration,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    // Without the write lock first: an idle relay should not keep writers waiting.
    if claimable(now, 1).one(db).await?.is_none() {
        return Ok(Vec::new());
    }
    let transaction = database::begin_write(db).await?;
    database::lock(&transaction, CLAIM_LOCK).await?;
    let rows = claimable(now, most).all(&transaction).await?;
    if !rows.is_empty() {
        Entity::update_many()
            .col_expr(Column::LeaseOwner, Expr::value(owner))
            .col_expr(Column::LeaseUntil, Expr::value(now + lease))
            .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
            .exec(&transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(rows)
}

/// The rows were published.
pub(super) async fn published(
    db: &DatabaseConnection,
    ids: Vec<Uuid>,
    now: Timestamp,
) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    // Also where the lease has passed to another relay meanwhile: the broker has the events, and
    // the other one will find them published or publish them again.
    Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(now))
        .col_expr(Column::LeaseOwner, Expr::value(Option::<Uuid>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
        .col_expr(Column::LastError, Expr::value(Option::<String>::None))
        .filter(Column::Id.is_in(ids))
        .filter(Column::PublishedAt.is_null())
        .exec(db)
        .await
        .map(|_| ())
}

/// Publishing a row failed: it is tried again at `available_at`.
pub(super) async fn failed(
    db: &DatabaseConnection,
    owner: Uuid,
    id: Uuid,
    error: &str,
    available_at: Timestamp,
) -> Result<(), DbErr> {
    held(owner, vec![id])
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::AvailableAt, Expr::value(available_at))
        .exec(db)
        .await
        .map(|_| ())
}

/// Gives rows back that were not tried.
pub(super) async fn release(
    db: &DatabaseConnection,
    owner: Uuid,
    ids: Vec<Uuid>,
) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    held(owner, ids).exec(db).await.map(|_| ())
}

/// Ends the lease of rows that `owner` still holds.
fn held(owner: Uuid, ids: Vec<Uuid>) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(Option::<Uuid>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
        .filter(Column::Id.is_in(ids))
        .filter(Column::LeaseOwner.eq(owner))
        .filter(Column::PublishedAt.is_null())
}

/// Unpublished rows that are free, and before which no row of the same key is not.
fn claimable(now: Timestamp, most: u64) -> sea_orm::Select<Entity> {
    let column = |column: Column| Expr::col(("older", column));
    let mut older = Query::select();
    older
        .expr(Expr::value(1))
        .from_as(Entity, "older")
        .and_where(column(Column::PartitionKey).eq(Expr::col((Entity, Column::PartitionKey))))
        .and_where(column(Column::Id).lt(Expr::col((Entity, Column::Id))))
        .and_where(column(Column::PublishedAt).is_null())
        .cond_where(
            Condition::any()
                .add(column(Column::AvailableAt).gt(now))
                .add(column(Column::LeaseUntil).gt(now)),
        );
    Entity::find()
        .filter(Column::PublishedAt.is_null())
        .filter(Column::AvailableAt.lte(now))
        .filter(
            Condition::any()
                .add(Column::LeaseUntil.is_null())
                .add(Column::LeaseUntil.lte(now)),
        )
        .filter(Expr::exists(older).not())
        .order_by_asc(Column::Id)
        .limit(most)
}
