use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, string_len_null, text_null, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    SeenAt,
    Remembered,
    StartedFrom,
    Agent,
}

/// An IPv6 address in text, with an IPv4 address in it.
const ADDRESS_CHARS: u32 = 45;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Empty for sessions that run already: nobody noted it. SQLite takes one column at a time.
        let columns = [
            timestamp_with_time_zone_null(Sessions::SeenAt),
            boolean(Sessions::Remembered).default(false).to_owned(),
            string_len_null(Sessions::StartedFrom, ADDRESS_CHARS),
            text_null(Sessions::Agent),
        ];
        for column in columns {
            manager
                .alter_table(
                    Table::alter()
                        .table(Sessions::Table)
                        .add_column(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            Sessions::SeenAt,
            Sessions::Remembered,
            Sessions::StartedFrom,
            Sessions::Agent,
        ] {
            manager
                .alter_table(
                    Table::alter()
                        .table(Sessions::Table)
                        .drop_column(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }
}
