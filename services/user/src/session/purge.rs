//! Sessions that expired are kept for a while, then forgotten.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, DatabaseConnection, DbErr, EntityTrait as _, QueryFilter as _};

use crate::entity::session::{Column, Entity};
use crate::timestamp::Timestamp;

/// Sessions are kept for this long after their end, to see who was signed in when something
/// happened.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Forgets up to `batch` sessions that expired before `before`, and says how many. One that was
/// revoked is forgotten when it would have expired.
///
/// # Errors
/// The database did not answer.
pub async fn expired(db: &DatabaseConnection, before: Timestamp, batch: u64) -> Result<u64, DbErr> {
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
