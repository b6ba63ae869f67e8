//! The e-mail addresses of accounts that are moved.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    SqlErr, TransactionTrait,
};
use sha2::Sha256;
use uuid::Uuid;

use super::rows::field;
use super::{Side, TransferError};
use crate::entity::email::{Column, Entity, Model};

/// Those of the accounts after `after` and not after `upto`, by account.
pub(super) async fn page(
    database: &DatabaseConnection,
    after: Option<Uuid>,
    upto: Option<Uuid>,
) -> Result<BTreeMap<Uuid, Vec<Model>>, DbErr> {
    let mut emails = Entity::find();
    if let Some(after) = after {
        emails = emails.filter(Column::UserId.gt(after));
    }
    if let Some(upto) = upto {
        emails = emails.filter(Column::UserId.lte(upto));
    }
    let rows = emails
        .order_by_asc(Column::UserId)
        .order_by_asc(Column::Place)
        .all(database)
        .await?;
    let mut by_user: BTreeMap<Uuid, Vec<Model>> = BTreeMap::new();
    for row in rows {
        by_user.entry(row.user_id).or_default().push(row);
    }
    Ok(by_user)
}

/// Makes the addresses in the target what they are in the source, all of a batch or none, and gives the accounts that had
/// others.
pub(super) async fn copy(
    source: &DatabaseConnection,
    target: &DatabaseConnection,
    after: Option<Uuid>,
    upto: Option<Uuid>,
) -> Result<BTreeSet<Uuid>, TransferError> {
    let here = page(source, after, upto)
        .await
        .map_err(Side::Source.failed("reading e-mail addresses"))?;
    let there = page(target, after, upto)
        .await
        .map_err(Side::Target.failed("reading e-mail addresses"))?;
    let users: BTreeSet<Uuid> = here.keys().chain(there.keys()).copied().collect();
    let differ: BTreeSet<Uuid> = users
        .into_iter()
        .filter(|user| here.get(user) != there.get(user))
        .collect();
    if !differ.is_empty() {
        replace(target, &differ, here).await.map_err(|e| {
            // Somebody has shown there meanwhile that one is theirs.
            if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
                TransferError::Crossed
            } else {
                Side::Target.failed("writing e-mail addresses")(e)
            }
        })?;
    }
    Ok(differ)
}

async fn replace(
    target: &DatabaseConnection,
    users: &BTreeSet<Uuid>,
    mut rows: BTreeMap<Uuid, Vec<Model>>,
) -> Result<(), DbErr> {
    let transaction = target.begin().await?;
    Entity::delete_many()
        .filter(Column::UserId.is_in(users.iter().copied()))
        .exec(&transaction)
        .await?;
    let new: Vec<_> = users
        .iter()
        .filter_map(|user| rows.remove(user))
        .flatten()
        .collect();
    if !new.is_empty() {
        // One that was another's when a move was broken off: whose turn is yet to come loses it now.
        Entity::delete_many()
            .filter(Column::Folded.is_in(new.iter().map(|row| row.folded.as_str())))
            .filter(Column::VerifiedAt.is_not_null())
            .exec(&transaction)
            .await?;
        Entity::insert_many(new.into_iter().map(IntoActiveModel::into_active_model))
            .exec_without_returning(&transaction)
            .await?;
    }
    transaction.commit().await
}

/// Adds an address to the sum, in such a way that no two add the same.
pub(super) fn add(digest: &mut Sha256, email: &Model) {
    // Named one by one: a new column does not compile until it is here.
    let Model {
        user_id,
        place,
        address,
        folded,
        added_at,
        verified_at,
    } = email;
    field(digest, Some(user_id.as_bytes()));
    field(digest, Some(&place.to_be_bytes()));
    field(digest, Some(address.as_bytes()));
    field(digest, Some(folded.as_bytes()));
    field(digest, Some(&added_at.unix_timestamp_nanos().to_be_bytes()));
    let verified = verified_at.map(|at| at.unix_timestamp_nanos().to_be_bytes());
    field(digest, verified.as_ref().map(<[u8; 16]>::as_slice));
}
