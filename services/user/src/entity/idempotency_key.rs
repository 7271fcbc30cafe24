//! `idempotency_keys`: the keys that calls came with, and what was answered.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A key: claimed by a call that runs, or with the response to one that has ended.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// SHA-256 of caller, method and key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    /// SHA-256 of method and request.
    pub fingerprint: Vec<u8>,
    /// Which attempt has the key.
    pub token: Vec<u8>,
    /// The response; empty while the call runs.
    pub response: Option<Vec<u8>>,
    /// When the claim, or the time that the response is kept for, is over.
    pub expires_at: Timestamp,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
