use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary_len, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Invitations {
    Table,
    Id,
    SinceAt,
    ExpiresAt,
}

const SHA_256_BYTES: u32 = 32;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Invitations::Table)
                    .col(binary_len(Invitations::Id, SHA_256_BYTES).primary_key())
                    .col(timestamp_with_time_zone(Invitations::SinceAt))
                    .col(timestamp_with_time_zone(Invitations::ExpiresAt))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Invitations::Table).to_owned())
            .await
    }
}
