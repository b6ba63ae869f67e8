use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid;
use uuid::Uuid;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Site {
    Table,
    Id,
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
                    .table(Site::Table)
                    .col(uuid(Site::Id).primary_key())
                    .to_owned(),
            )
            .await?;
        // The one row: what tells this site from others that share its other stores.
        let name = Query::insert()
            .into_table(Site::Table)
            .columns([Site::Id])
            .values_panic([Uuid::now_v7().into()])
            .to_owned();
        manager.execute(name).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Site::Table).to_owned())
            .await
    }
}
