use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    string_len_null, string_len_uniq, text, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
pub(crate) enum Users {
    Table,
    Id,
    Username,
    PasswordHash,
    CreatedAt,
    LastLoginAt,
    LastLoginFrom,
    PreviousLoginAt,
    PreviousLoginFrom,
}

/// An IPv6 address in text, with an IPv4 address in it.
const ADDRESS_CHARS: u32 = 45;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Users::Table)
                    .col(uuid(Users::Id).primary_key())
                    .col(string_len_uniq(Users::Username, 32))
                    .col(text(Users::PasswordHash))
                    .col(timestamp_with_time_zone(Users::CreatedAt))
                    .col(timestamp_with_time_zone_null(Users::LastLoginAt))
                    .col(string_len_null(Users::LastLoginFrom, ADDRESS_CHARS))
                    .col(timestamp_with_time_zone_null(Users::PreviousLoginAt))
                    .col(string_len_null(Users::PreviousLoginFrom, ADDRESS_CHARS))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Users::Table).to_owned())
            .await
    }
}
