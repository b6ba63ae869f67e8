use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, integer, string, string_null, text, timestamp_with_time_zone, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Events {
    Table,
    Seq,
    At,
    Kind,
    Request,
    UserId,
    Address,
    Facts,
    Hash,
}

#[derive(DeriveIden)]
enum EventChain {
    Table,
    Id,
    HeadSeq,
    HeadHash,
    AnchorSeq,
    AnchorHash,
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
                    .table(Events::Table)
                    // Without gaps, so that a row that is missing is noticed.
                    .col(big_integer(Events::Seq).primary_key())
                    .col(timestamp_with_time_zone(Events::At))
                    .col(string(Events::Kind))
                    .col(string_null(Events::Request))
                    // Refers to nothing: what happened outlives the account.
                    .col(uuid_null(Events::UserId))
                    .col(string_null(Events::Address))
                    .col(text(Events::Facts))
                    .col(hash(Events::Hash))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("idx_events_request")
                    .table(Events::Table)
                    .col(Events::Request)
                    .to_owned(),
            )
            .await?;
        // One row: where the chain ends, and the last row that was pruned away.
        manager
            .create_table(
                Table::create()
                    .table(EventChain::Table)
                    .col(integer(EventChain::Id).primary_key())
                    .col(big_integer(EventChain::HeadSeq))
                    .col(hash(EventChain::HeadHash))
                    .col(big_integer(EventChain::AnchorSeq))
                    .col(hash(EventChain::AnchorHash))
                    .to_owned(),
            )
            .await?;
        let nothing = vec![0_u8; 32];
        let start = Query::insert()
            .into_table(EventChain::Table)
            .columns([
                EventChain::Id,
                EventChain::HeadSeq,
                EventChain::HeadHash,
                EventChain::AnchorSeq,
                EventChain::AnchorHash,
            ])
            .values_panic([
                1.into(),
                0_i64.into(),
                nothing.clone().into(),
                0_i64.into(),
                nothing.into(),
            ])
            .to_owned();
        manager.execute(start).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(EventChain::Table).to_owned())
            .await?;
        manager
            .drop_table(Table::drop().table(Events::Table).to_owned())
            .await
    }
}

/// A SHA-256.
fn hash(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).binary_len(32).not_null().take()
}
