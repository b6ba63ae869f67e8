use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    binary_len_null, string_len, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use crate::m20261123_000001_users::Users;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
struct LeavesAt;

#[derive(DeriveIden)]
enum ReservedNames {
    Table,
    Username,
    UserId,
    RemovedAt,
    UntilAt,
}

#[derive(DeriveIden)]
enum Events {
    Table,
    Salt,
    Personal,
}

const SALT_BYTES: u32 = 16;
const SHA_256_BYTES: u32 = 32;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut users = Table::alter();
        users
            .table(Users::Table)
            .add_column(timestamp_with_time_zone_null(LeavesAt));
        manager.alter_table(users).await?;
        let by_end = Index::create()
            .name("idx_users_leaves_at")
            .table(Users::Table)
            .col(LeavesAt)
            .to_owned();
        manager.create_index(by_end).await?;
        manager
            .create_table(
                Table::create()
                    .table(ReservedNames::Table)
                    .col(string_len(ReservedNames::Username, 32).primary_key())
                    // Whose it was: what is noted of them a moment later is emptied, too.
                    .col(uuid(ReservedNames::UserId))
                    .col(timestamp_with_time_zone(ReservedNames::RemovedAt))
                    .col(timestamp_with_time_zone(ReservedNames::UntilAt))
                    .to_owned(),
            )
            .await?;
        // Empty for events that are there already: they cannot be emptied. SQLite takes one column at a time.
        for column in [
            binary_len_null(Events::Salt, SALT_BYTES),
            binary_len_null(Events::Personal, SHA_256_BYTES),
        ] {
            let mut events = Table::alter();
            events.table(Events::Table).add_column(column);
            manager.alter_table(events).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [Events::Personal, Events::Salt] {
            let mut events = Table::alter();
            events.table(Events::Table).drop_column(column);
            manager.alter_table(events).await?;
        }
        manager
            .drop_table(Table::drop().table(ReservedNames::Table).to_owned())
            .await?;
        manager
            .drop_index(
                Index::drop()
                    .name("idx_users_leaves_at")
                    .table(Users::Table)
                    .to_owned(),
            )
            .await?;
        let mut users = Table::alter();
        users.table(Users::Table).drop_column(LeavesAt);
        manager.alter_table(users).await
    }
}
