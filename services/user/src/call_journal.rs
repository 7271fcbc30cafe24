//! A call delivered twice takes effect once.
//!
//! The bus delivers at least once: when a consumer ends before it has committed its offset, the
//! next one gets the same record. A handler that is not idempotent notes the call's id in the
//! transaction in which it takes effect, and the second note fails.

use std::time::Duration;

use chassis::call::CallId;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait as _, IntoActiveModel as _, QueryFilter as _, SqlErr,
};
use tonic::Extensions;

use crate::entity::call_journal::{Column, Entity, Model};
use crate::error::Error;
use crate::timestamp::Timestamp;

/// Notes are kept for this long: far longer than the bus delivers a call again.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes that the call takes effect with this transaction. Calls that did not come over the bus
/// have no id and are not noted.
///
/// # Errors
/// [`Error::AlreadyExecuted`] where the call took effect before.
pub(crate) async fn note(
    transaction: &DatabaseTransaction,
    call: Option<&CallId>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(CallId(id)) = call else {
        return Ok(());
    };
    let note = Model {
        call_id: id.clone(),
        created_at: now,
    };
    match note.into_active_model().insert(transaction).await {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => Err(Error::AlreadyExecuted),
        Err(error) => Err(error.into()),
    }
}

/// The id of a call that came over the bus.
pub(crate) fn call_id(extensions: &Extensions) -> Option<CallId> {
    extensions.get::<CallId>().cloned()
}

/// Whether a statement failed because a unique value exists already.
pub(crate) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Forgets up to `batch` notes from before `before`, and says how many.
///
/// # Errors
/// The database did not answer.
pub async fn purge(db: &DatabaseConnection, before: Timestamp, batch: u64) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::CallId)
        .from(Entity)
        .and_where(Expr::col(Column::CreatedAt).lt(before))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(Column::CallId.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
