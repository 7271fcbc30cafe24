//! `user_credentials`: what proves a user.

use sea_orm::entity::prelude::*;

use crate::password::PasswordHash;
use crate::timestamp::Timestamp;

/// A user's password.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_credentials")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The hash, as a PHC string.
    pub password_hash: PasswordHash,
    /// How the hash was made: [`SCHEME`](crate::password::SCHEME).
    pub scheme: String,
    /// When the password was last changed; an upgrade of the hash is no change.
    pub changed_at: Timestamp,
}

/// Relations are joined by hand where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
