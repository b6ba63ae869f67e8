use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, integer, string_len, string_len_null, text, timestamp_with_time_zone, uuid_null,
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

/// Of a SHA-256.
const HASH_BYTES: u32 = 32;

/// An IPv6 address in text, with an IPv4 address in it.
const ADDRESS_CHARS: u32 = 45;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let hash = |name: DynIden| {
            ColumnDef::new(name)
                .binary_len(HASH_BYTES)
                .not_null()
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table(Events::Table)
                    .col(big_integer(Events::Seq).primary_key())
                    .col(timestamp_with_time_zone(Events::At))
                    .col(string_len(Events::Kind, 64))
                    .col(string_len_null(Events::Request, 19))
                    // No foreign key: what an account did outlives it.
                    .col(uuid_null(Events::UserId))
                    .col(string_len_null(Events::Address, ADDRESS_CHARS))
                    .col(text(Events::Facts))
                    .col(hash(Events::Hash.into_iden()))
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
        manager
            .create_table(
                Table::create()
                    .table(EventChain::Table)
                    .col(integer(EventChain::Id).primary_key())
                    .col(big_integer(EventChain::HeadSeq))
                    .col(hash(EventChain::HeadHash.into_iden()))
                    .col(big_integer(EventChain::AnchorSeq))
                    .col(hash(EventChain::AnchorHash.into_iden()))
                    .to_owned(),
            )
            .await?;
        // The one row: a chain without a link.
        let none = vec![0_u8; HASH_BYTES as usize];
        manager
            .execute(
                Query::insert()
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
                        0.into(),
                        none.clone().into(),
                        0.into(),
                        none.into(),
                    ])
                    .to_owned(),
            )
            .await
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
