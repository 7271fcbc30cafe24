//! Makes `users`.

use sea_orm_migration::prelude::*;

use super::column::{integer, optional, text, timestamp, uuid};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("users")
            .col(uuid("id").primary_key())
            .col(text("email"))
            .col(text("email_canonical").unique_key())
            .col(optional(timestamp("email_verified_at")))
            .col(optional(text("phone_e164")))
            .col(text("name"))
            .col(optional(text("locale")))
            .col(text("status"))
            .col(integer("auth_epoch"))
            .col(integer("version"))
            .col(timestamp("created_at"))
            .col(timestamp("updated_at"))
            .col(optional(timestamp("deleted_at")))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("users").to_owned())
            .await
    }
}
