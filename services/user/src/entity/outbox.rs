//! `outbox`: events that happened, on their way to the broker. The first five names are those of
//! Debezium's outbox event router, which can replace the relay.

use sea_orm::entity::prelude::*;

use crate::timestamp::Timestamp;

/// A sealed event.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// A UUID of version 7, which is the id of the event too.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What the event is about, such as `user`.
    pub aggregatetype: String,
    /// Which one it is about.
    pub aggregateid: String,
    /// The path of the event's RPC, such as `/notification.v1.NotificationService/SendWelcome`.
    pub r#type: String,
    /// The value of the record: the encoded message.
    pub payload: Vec<u8>,
    /// The topic.
    pub topic: String,
    /// The key of the record. Events of one key are published in the order of their ids.
    pub partition_key: String,
    /// The headers of the record: a JSON array of `[name, Base64 value]`, in order.
    pub headers: String,
    /// The record's own timestamp, which its seal covers.
    pub created_at: Timestamp,
    /// Not to be published before.
    pub available_at: Timestamp,
    /// How often publishing it failed.
    pub attempts: i32,
    /// Which relay is publishing it.
    pub lease_owner: Option<Uuid>,
    /// Until when that relay has it for itself.
    pub lease_until: Option<Timestamp>,
    /// When the broker had it.
    pub published_at: Option<Timestamp>,
    /// Why publishing it failed last.
    pub last_error: Option<String>,
}

/// No relations: an event outlives what it is about.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
