//! Makes `call_journal`.

use sea_orm_migration::prelude::*;

use super::column::{text, timestamp};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("call_journal")
            .col(text("call_id").primary_key())
            .col(timestamp("created_at"))
            .to_owned();
        manager.create_table(table).await?;
        let purge = Index::create()
            .name("call_journal_created_at")
            .table("call_journal")
            .col("created_at")
            .to_owned();
        manager.create_index(purge).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("call_journal").to_owned())
            .await
    }
}
