//! `users`: who has an account. The password is elsewhere, so that no read of a user touches it.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// A UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The address as it was typed, for display and for mail.
    pub email: String,
    /// The address in its [canonical form](crate::email), which identifies the account.
    #[sea_orm(unique)]
    pub email_canonical: String,
    /// When the user proved to receive mail there.
    pub email_verified_at: Option<Timestamp>,
    /// A telephone number as E.164, such as `+4930123456`.
    pub phone_e164: Option<String>,
    /// What the user is called.
    pub name: String,
    /// A BCP 47 language tag, such as `de-AT`.
    pub locale: Option<String>,
    /// Whether the account may be used.
    pub status: Status,
    /// Tokens of an older epoch are void.
    pub auth_epoch: i64,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
    /// When the account was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Status {
    /// It may.
    #[sea_orm(string_value = "active")]
    Active,
    /// An operator has turned it off.
    #[sea_orm(string_value = "disabled")]
    Disabled,
}

/// Relations are joined by hand where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether the account exists for its owner: neither deleted nor turned off.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.deleted_at.is_none() && self.status == Status::Active
    }
}
