//! A batch of accounts: read, compared, written, and added to a checksum.

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel, Iterable, QueryFilter,
    QueryOrder, QuerySelect, SqlErr,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Side, TransferError};
use crate::entity::user::{Column, Entity, Model};

/// The accounts in `rows` that are not in `there`, or differ.
///
/// # Errors
/// When there is anything in `there` that must not be overwritten.
pub(super) fn compare(mut rows: Vec<Model>, there: &[Model]) -> Result<Vec<Model>, TransferError> {
    for old in there {
        // Both are in order.
        let new = rows.binary_search_by_key(&old.id, |row| row.id);
        let Some(new) = new.ok().and_then(|index| rows.get(index)) else {
            return Err(TransferError::OtherAccounts(shown(old)));
        };
        if new.username != old.username {
            return Err(TransferError::OtherAccounts(shown(old)));
        }
        if old.last_login_at > new.last_login_at {
            return Err(TransferError::InUse(shown(old)));
        }
    }
    rows.retain(|row| {
        let old = there.binary_search_by_key(&row.id, |old| old.id);
        old.ok().and_then(|index| there.get(index)) != Some(row)
    });
    Ok(rows)
}

fn shown(row: &Model) -> String {
    row.username.escape_debug().to_string()
}

/// Writes all of `rows` or none; an account that is there already becomes what it is in `rows`.
pub(super) async fn write(
    target: &DatabaseConnection,
    rows: Vec<Model>,
) -> Result<(), TransferError> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
    let late = Expr::col((Entity, Column::LastLoginAt));
    let source_wins = OnConflict::column(Column::Id)
        .update_columns(columns)
        // Somebody may have signed in there since it was looked at.
        .action_and_where(
            late.clone()
                .is_null()
                .or(late.lte(Expr::col(("excluded", Column::LastLoginAt)))),
        )
        .to_owned();
    let outcome = Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(source_wins)
        .exec_without_returning(target)
        .await;
    match outcome {
        Err(e) if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(TransferError::Crossed)
        }
        outcome => outcome
            .map(drop)
            .map_err(Side::Target.failed("writing accounts")),
    }
}

/// At most `limit` accounts in the order of their ids: those that come after `after`, and not after `upto`.
pub(super) async fn page(
    database: &DatabaseConnection,
    after: Option<Uuid>,
    upto: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut accounts = Entity::find();
    if let Some(after) = after {
        accounts = accounts.filter(Column::Id.gt(after));
    }
    if let Some(upto) = upto {
        accounts = accounts.filter(Column::Id.lte(upto));
    }
    accounts
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(database)
        .await
}

/// Adds a row in such a way that no two rows add the same.
pub(super) fn add(digest: &mut Sha256, row: Model) {
    let mut field = |bytes: Option<&[u8]>| field(digest, bytes);
    let nanos = |at: OffsetDateTime| at.unix_timestamp_nanos().to_be_bytes();
    // Named one by one: a new column does not compile until it is here.
    let Model {
        id,
        username,
        password_hash,
        created_at,
        last_login_at,
        last_login_from,
        previous_login_at,
        previous_login_from,
        disabled_at,
        leaves_at,
    } = row;
    field(Some(id.as_bytes()));
    field(Some(username.as_bytes()));
    field(Some(password_hash.as_bytes()));
    field(Some(&nanos(created_at)));
    field(last_login_at.map(nanos).as_ref().map(<[u8; 16]>::as_slice));
    field(last_login_from.as_deref().map(str::as_bytes));
    field(
        previous_login_at
            .map(nanos)
            .as_ref()
            .map(<[u8; 16]>::as_slice),
    );
    field(previous_login_from.as_deref().map(str::as_bytes));
    field(leaves_at.map(nanos).as_ref().map(<[u8; 16]>::as_slice));
    field(disabled_at.map(nanos).as_ref().map(<[u8; 16]>::as_slice));
}

/// Adds a column, with its length before it.
pub(super) fn field(digest: &mut Sha256, bytes: Option<&[u8]>) {
    // What is nothing is not what is empty.
    let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
    digest.update(length.to_be_bytes());
    digest.update(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;
    use vestibule_domain::contract;

    use super::*;
    use crate::{Options, Sql};

    async fn memory() -> DatabaseConnection {
        let options = Options {
            pool_size: 1,
            connect_timeout: Duration::ZERO,
            acquire_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
        };
        let sql = Sql::connect("sqlite::memory:", &options).await.unwrap();
        sql.migrate().await.unwrap();
        sql.write
    }

    fn row(name: &str) -> Model {
        let user = contract::user(name);
        Model {
            id: user.id.0,
            username: name.to_owned(),
            password_hash: "hash".to_owned(),
            created_at: user.since,
            last_login_at: None,
            last_login_from: None,
            previous_login_at: None,
            previous_login_from: None,
            disabled_at: None,
            leaves_at: None,
        }
    }

    /// What comes between a look at the target and the write that follows.
    #[tokio::test]
    async fn whoever_signs_in_at_the_last_moment_is_not_overwritten() {
        let target = memory().await;
        let [early, late] = [
            datetime!(2026-11-23 12:00 UTC),
            datetime!(2026-11-23 12:01 UTC),
        ];
        for (there, here, source_wins) in [
            (None, None, true),
            (None, Some(early), true),
            (Some(early), Some(late), true),
            (Some(late), Some(late), true),
            (Some(late), Some(early), false),
            (Some(early), None, false),
        ] {
            let mut row = row("ada");
            row.id = Uuid::nil();
            row.last_login_at = there;
            Entity::delete_many().exec(&target).await.unwrap();
            write(&target, vec![row.clone()]).await.unwrap();
            let mut newer = row.clone();
            newer.password_hash = "newer".to_owned();
            newer.last_login_at = here;
            write(&target, vec![newer.clone()]).await.unwrap();
            let kept = page(&target, None, None, 9).await.unwrap();
            assert_eq!(kept, [if source_wins { newer } else { row }]);
        }
    }

    #[tokio::test]
    async fn whoever_registers_at_the_last_moment_stops_the_whole_batch() {
        let target = memory().await;
        write(&target, vec![row("ada")]).await.unwrap();
        let outcome = write(&target, vec![row("bob"), row("ada"), row("eve")]).await;
        assert!(matches!(outcome, Err(TransferError::Crossed)));
        assert_eq!(page(&target, None, None, 9).await.unwrap().len(), 1);
    }

    #[test]
    fn whatever_differs_changes_the_sum() {
        let sum = |rows: &[Model]| {
            let mut digest = Sha256::new();
            for row in rows {
                add(&mut digest, row.clone());
            }
            digest.finalize()
        };
        let ada = row("ada");
        let at = datetime!(2026-11-23 12:00 UTC);
        let with = |change: fn(&mut Model, OffsetDateTime)| {
            let mut other = ada.clone();
            change(&mut other, at);
            other
        };
        let others = [
            row("ada"),
            with(|row, _| row.username = "adah".into()),
            with(|row, _| (row.username, row.password_hash) = ("adah".into(), "ash".into())),
            with(|row, _| row.created_at += Duration::from_nanos(1)),
            with(|row, at| row.last_login_at = Some(at)),
            with(|row, at| row.previous_login_at = Some(at)),
            with(|row, at| row.disabled_at = Some(at)),
            with(|row, at| row.leaves_at = Some(at)),
            with(|row, _| row.last_login_from = Some(String::new())),
            with(|row, _| row.last_login_from = Some("::1".into())),
            with(|row, _| row.previous_login_from = Some("::1".into())),
        ];
        let mut sums: Vec<_> = others
            .iter()
            .map(|row| sum(std::slice::from_ref(row)))
            .collect();
        sums.push(sum(std::slice::from_ref(&ada)));
        sums.push(sum(&[]));
        sums.push(sum(&[ada.clone(), row("bob")]));
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }
}
