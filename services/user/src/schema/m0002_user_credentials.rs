//! Makes `user_credentials`.

use sea_orm_migration::prelude::*;

use super::column::{text, timestamp, uuid};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("user_credentials")
            .col(uuid("user_id").primary_key())
            .col(text("password_hash"))
            .col(text("scheme"))
            .col(timestamp("changed_at"))
            .foreign_key(
                ForeignKey::create()
                    .from("user_credentials", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("user_credentials").to_owned())
            .await
    }
}
