//! The names of accounts that are gone, which nobody gets yet.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{BATCH, Side, TransferError};
use crate::entity::reserved_name::{Column, Entity};

/// Reserves in the target what is reserved in the source.
pub(super) async fn copy(
    source: &DatabaseConnection,
    target: &DatabaseConnection,
) -> Result<(), TransferError> {
    let mut after = String::new();
    loop {
        let names = Entity::find()
            .filter(Column::Username.gt(after.as_str()))
            .order_by_asc(Column::Username)
            .limit(BATCH)
            .all(source)
            .await
            .map_err(Side::Source.failed("reading reserved names"))?;
        let Some(last) = names.last() else {
            return Ok(());
        };
        after.clone_from(&last.username);
        let source_wins = OnConflict::column(Column::Username)
            .update_columns([Column::UserId, Column::RemovedAt, Column::UntilAt])
            .to_owned();
        Entity::insert_many(names.into_iter().map(IntoActiveModel::into_active_model))
            .on_conflict(source_wins)
            .exec_without_returning(target)
            .await
            .map_err(Side::Target.failed("writing reserved names"))?;
    }
}
