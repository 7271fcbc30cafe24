//! A call that is sent again with its key is answered as before, by whichever replica has it.
//!
//! [`chassis::layer::idempotency`] says what that means; here is where the responses are kept.

use std::sync::Arc;
use std::time::Duration;

use chassis::layer::idempotency::{Attempt, Claim, Responses, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DbErr, EntityTrait as _,
    QueryFilter as _,
};
use tonic::codegen::Bytes;

use crate::deps::Clock;
use crate::entity::idempotency_key::{Column, Entity};
use crate::timestamp::Timestamp;

/// Responses are kept for this long: a day in which a client may ask again.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a claim begins anew when the key is given back in the middle of it.
const ATTEMPTS: usize = 3;

/// The responses, in the table `idempotency_keys`.
#[derive(Debug, Clone)]
pub struct StoredResponses {
    db: DatabaseConnection,
    clock: Arc<dyn Clock>,
}

/// The key changed hands each time it was looked at.
#[derive(Debug, thiserror::Error)]
#[error("the key changed hands each time it was claimed")]
struct Contended;

// === impl StoredResponses ===

impl StoredResponses {
    /// In this database, by this clock.
    #[must_use]
    pub fn new(db: DatabaseConnection, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// Takes a key that nobody has, in one statement: whether another replica's comes before it or
    /// after it, only one takes effect.
    async fn take(&self, attempt: &Attempt, lease: Duration) -> Result<bool, DbErr> {
        let now = self.clock.now();
        let none: Option<Vec<u8>> = None;
        let taken = OnConflict::column(Column::Id)
            .update_columns([
                Column::Fingerprint,
                Column::Token,
                Column::Response,
                Column::ExpiresAt,
            ])
            .action_and_where(Expr::col((Entity, Column::ExpiresAt)).lte(now))
            .to_owned();
        let insert = Query::insert()
            .into_table(Entity)
            .columns([
                Column::Id,
                Column::Fingerprint,
                Column::Token,
                Column::Response,
                Column::ExpiresAt,
            ])
            .values_panic([
                attempt.id.to_vec().into(),
                attempt.fingerprint.to_vec().into(),
                attempt.token.to_vec().into(),
                none.into(),
                (now + lease).as_millis().into(),
            ])
            .on_conflict(taken)
            .returning_col(Column::Token)
            .to_owned();
        // No row comes back where the key is another's.
        Ok(self.db.query_one(&insert).await?.is_some())
    }

    /// What another attempt has made of the key; `None` where it is free by now.
    async fn found(&self, attempt: &Attempt) -> Result<Option<Claim>, DbErr> {
        let row = Entity::find_by_id(attempt.id.to_vec())
            .one(&self.db)
            .await?;
        let now = self.clock.now();
        let row = row.filter(|row| row.expires_at > now);
        Ok(row.map(|row| {
            if row.fingerprint == attempt.fingerprint {
                let response = row.response.map(Bytes::from);
                response.map_or(Claim::Running, Claim::Replay)
            } else {
                Claim::Mismatch
            }
        }))
    }
}

#[tonic::async_trait]
impl Responses for StoredResponses {
    async fn claim(&self, attempt: &Attempt, lease: Duration) -> Result<Claim, StoreError> {
        for _ in 0..ATTEMPTS {
            if self.take(attempt, lease).await.map_err(failed)? {
                return Ok(Claim::Run);
            }
            if let Some(claim) = self.found(attempt).await.map_err(failed)? {
                return Ok(claim);
            }
        }
        Err(StoreError(Box::new(Contended)))
    }

    async fn keep(&self, attempt: &Attempt, response: Bytes) -> Result<(), StoreError> {
        let until = self.clock.now() + KEPT_FOR;
        Entity::update_many()
            .col_expr(Column::Response, Expr::value(response.to_vec()))
            .col_expr(Column::ExpiresAt, Expr::value(until))
            .filter(Column::Id.eq(attempt.id.to_vec()))
            .filter(Column::Token.eq(attempt.token.to_vec()))
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(failed)
    }

    async fn release(&self, attempt: &Attempt) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(attempt.id.to_vec()))
            .filter(Column::Token.eq(attempt.token.to_vec()))
            .filter(Column::Response.is_null())
            .exec(&self.db)
            .await
            .map(|_| ())
            .map_err(failed)
    }
}

fn failed(error: DbErr) -> StoreError {
    StoreError(Box::new(error))
}

/// Forgets up to `batch` keys whose time was over before `before`, and says how many.
///
/// # Errors
/// The database did not answer.
pub async fn purge(db: &DatabaseConnection, before: Timestamp, batch: u64) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::col(Column::ExpiresAt).lt(before))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(Column::Id.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
