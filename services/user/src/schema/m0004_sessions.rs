//! Makes `sessions`.

use sea_orm_migration::prelude::*;

use super::column::{bytes, integer, optional, text, timestamp, uuid};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sessions")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(integer("refresh_gen"))
            .col(bytes("refresh_key"))
            .col(timestamp("rotated_at"))
            .col(optional(timestamp("successor_used_at")))
            .col(timestamp("created_at"))
            .col(timestamp("last_seen_at"))
            .col(timestamp("idle_expires_at"))
            .col(timestamp("expires_at"))
            .col(optional(timestamp("revoked_at")))
            .col(optional(text("revoke_reason")))
            .col(optional(text("ip")))
            .col(optional(text("user_agent")))
            .foreign_key(
                ForeignKey::create()
                    .from("sessions", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await?;
        let of_a_user = Index::create()
            .name("sessions_user_id")
            .table("sessions")
            .col("user_id")
            .to_owned();
        manager.create_index(of_a_user).await?;
        let purge = Index::create()
            .name("sessions_expires_at")
            .table("sessions")
            .col("expires_at")
            .to_owned();
        manager.create_index(purge).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("sessions").to_owned())
            .await
    }
}
