use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, small_integer, string_len, string_len_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid, uuid_null,
};

use crate::m20261123_000001_users::Users;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Emails {
    Table,
    UserId,
    Place,
    Address,
    Folded,
    AddedAt,
    VerifiedAt,
}

#[derive(DeriveIden)]
enum Links {
    Table,
    Id,
    Purpose,
    UserId,
    Address,
    SinceAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Outbox {
    Table,
    Id,
    Kind,
    UserId,
    Recipient,
    HappenedAt,
    SinceAt,
    Browser,
    SeenFrom,
    About,
    DueAt,
    Tries,
}

/// The longest e-mail address; one in a database of somebody else's may not be longer.
const EMAIL_CHARS: u32 = 254;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(emails()).await?;
        let owned = Index::create()
            .name("idx_emails_owned")
            .table(Emails::Table)
            .col(Emails::UserId)
            .col(Emails::Folded)
            .unique()
            .to_owned();
        manager.create_index(owned).await?;
        // Any number of accounts may claim an address, one alone has it.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX idx_emails_verified ON emails (folded) WHERE verified_at IS NOT NULL",
            )
            .await?;

        manager.create_table(links()).await?;
        manager.create_table(outbox()).await?;
        let by_user = Index::create()
            .name("idx_links_user_id")
            .table(Links::Table)
            .col(Links::UserId)
            .to_owned();
        manager.create_index(by_user).await?;
        let by_end = Index::create()
            .name("idx_links_expires_at")
            .table(Links::Table)
            .col(Links::ExpiresAt)
            .to_owned();
        manager.create_index(by_end).await?;
        let by_due = Index::create()
            .name("idx_outbox_due_at")
            .table(Outbox::Table)
            .col(Outbox::DueAt)
            .to_owned();
        manager.create_index(by_due).await?;
        let by_user = Index::create()
            .name("idx_outbox_user_id")
            .table(Outbox::Table)
            .col(Outbox::UserId)
            .to_owned();
        manager.create_index(by_user).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            Outbox::Table.into_iden(),
            Links::Table.into_iden(),
            Emails::Table.into_iden(),
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn emails() -> TableCreateStatement {
    Table::create()
        .table(Emails::Table)
        .col(uuid(Emails::UserId))
        // 1 or 2: there are no more.
        .col(small_integer(Emails::Place))
        .col(string_len(Emails::Address, EMAIL_CHARS))
        .col(string_len(Emails::Folded, EMAIL_CHARS))
        .col(timestamp_with_time_zone(Emails::AddedAt))
        .col(timestamp_with_time_zone_null(Emails::VerifiedAt))
        .primary_key(Index::create().col(Emails::UserId).col(Emails::Place))
        .foreign_key(
            ForeignKey::create()
                .from(Emails::Table, Emails::UserId)
                .to(Users::Table, Users::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn links() -> TableCreateStatement {
    Table::create()
        .table(Links::Table)
        // The SHA-256 of the token, never the token.
        .col(
            ColumnDef::new(Links::Id)
                .binary_len(32)
                .not_null()
                .primary_key(),
        )
        .col(text(Links::Purpose))
        .col(uuid(Links::UserId))
        // Nowhere, where an administrator hands it over.
        .col(string_len_null(Links::Address, EMAIL_CHARS))
        .col(timestamp_with_time_zone(Links::SinceAt))
        .col(timestamp_with_time_zone(Links::ExpiresAt))
        .foreign_key(
            ForeignKey::create()
                .from(Links::Table, Links::UserId)
                .to(Users::Table, Users::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn outbox() -> TableCreateStatement {
    Table::create()
        .table(Outbox::Table)
        .col(ColumnDef::new(Outbox::Id).uuid().not_null().primary_key())
        .col(text(Outbox::Kind))
        // Nobody's, where somebody named an account that is yet to be looked for.
        .col(uuid_null(Outbox::UserId))
        .col(string_len(Outbox::Recipient, EMAIL_CHARS))
        .col(timestamp_with_time_zone(Outbox::HappenedAt))
        .col(timestamp_with_time_zone(Outbox::SinceAt))
        .col(text_null(Outbox::Browser))
        .col(text_null(Outbox::SeenFrom))
        .col(string_len_null(Outbox::About, EMAIL_CHARS))
        .col(timestamp_with_time_zone(Outbox::DueAt))
        .col(integer(Outbox::Tries))
        .foreign_key(
            ForeignKey::create()
                .from(Outbox::Table, Outbox::UserId)
                .to(Users::Table, Users::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
