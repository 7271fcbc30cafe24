//! Makes `idempotency_keys`.

use sea_orm_migration::prelude::*;

use super::column::{bytes, optional, timestamp};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("idempotency_keys")
            .col(bytes("id").primary_key())
            .col(bytes("fingerprint"))
            .col(bytes("token"))
            .col(optional(bytes("response")))
            .col(timestamp("expires_at"))
            .to_owned();
        manager.create_table(table).await?;
        let purge = Index::create()
            .name("idempotency_keys_expires_at")
            .table("idempotency_keys")
            .col("expires_at")
            .to_owned();
        manager.create_index(purge).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("idempotency_keys").to_owned())
            .await
    }
}
