//! `sessions`: one row for each sign-in, which the refresh tokens of that sign-in move along.

use sea_orm::entity::prelude::*;

use crate::session::WrappedKey;
use crate::timestamp::Timestamp;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// A UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The newest generation of the refresh token, from 1.
    pub refresh_gen: i64,
    /// The session key, encrypted: refresh secrets are made from it.
    pub refresh_key: WrappedKey,
    /// When the newest generation was first issued.
    pub rotated_at: Timestamp,
    /// When the newest generation was first presented. Rotation clears it, since the next
    /// generation has not been used yet.
    pub successor_used_at: Option<Timestamp>,
    /// When the session was opened.
    pub created_at: Timestamp,
    /// When a token of it was last presented here.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub idle_expires_at: Timestamp,
    /// When it ends whatever is done with it.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Why it was ended: a stable word, such as `refresh_token_reused`.
    pub revoke_reason: Option<String>,
    /// From where it was opened.
    pub ip: Option<String>,
    /// With which program it was opened.
    pub user_agent: Option<String>,
}

/// Relations are joined by hand where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
