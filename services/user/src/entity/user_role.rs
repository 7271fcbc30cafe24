//! `user_roles`: what a user may do beyond what everybody may.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A role of a user.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_roles")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The role, such as `admin`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// Since when.
    pub granted_at: Timestamp,
}

/// Relations are joined by hand where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
