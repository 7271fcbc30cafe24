//! Makes `outbox`.

use sea_orm_migration::prelude::*;

use super::column::{bytes, optional, text, timestamp, uuid};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("outbox")
            .col(uuid("id").primary_key())
            .col(text("aggregatetype"))
            .col(text("aggregateid"))
            .col(text("type"))
            .col(bytes("payload"))
            .col(text("topic"))
            .col(text("partition_key"))
            .col(text("headers"))
            .col(timestamp("created_at"))
            .col(timestamp("available_at"))
            .col(ColumnDef::new("attempts").integer().not_null().default(0))
            .col(optional(uuid("lease_owner")))
            .col(optional(timestamp("lease_until")))
            .col(optional(timestamp("published_at")))
            .col(optional(text("last_error")))
            .to_owned();
        manager.create_table(table).await?;
        // The poll: what is not published, oldest first. Partial, so that it stays as small as the
        // backlog however many published rows await their purge.
        let pending = Index::create()
            .name("outbox_pending")
            .table("outbox")
            .col("id")
            .cond_where(Expr::col("published_at").is_null())
            .to_owned();
        manager.create_index(pending).await?;
        // Whether an older event of the same key is still to be published.
        let order = Index::create()
            .name("outbox_pending_by_key")
            .table("outbox")
            .col("partition_key")
            .col("id")
            .cond_where(Expr::col("published_at").is_null())
            .to_owned();
        manager.create_index(order).await?;
        let purge = Index::create()
            .name("outbox_published_at")
            .table("outbox")
            .col("published_at")
            .to_owned();
        manager.create_index(purge).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("outbox").to_owned())
            .await
    }
}
