//! `call_journal`: the calls that took effect, so that one delivered twice does so once.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A call that took effect.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_journal")]
pub struct Model {
    /// The [id of the call](chassis::call::CallId).
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// When it took effect.
    pub created_at: Timestamp,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
