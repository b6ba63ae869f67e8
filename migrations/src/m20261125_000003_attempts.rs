use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Attempts {
    Table,
    Id,
    Count,
    WaitsUntilSecs,
    ForgottenAtSecs,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Attempts::Table)
                    // The SHA-256 of what is counted by.
                    .col(
                        ColumnDef::new(Attempts::Id)
                            .binary_len(32)
                            .not_null()
                            .primary_key(),
                    )
                    .col(integer(Attempts::Count))
                    // Seconds since 1970, since one statement has to reckon with them on every database.
                    .col(big_integer(Attempts::WaitsUntilSecs))
                    .col(big_integer(Attempts::ForgottenAtSecs))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("idx_attempts_forgotten_at_secs")
                    .table(Attempts::Table)
                    .col(Attempts::ForgottenAtSecs)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Attempts::Table).to_owned())
            .await
    }
}
