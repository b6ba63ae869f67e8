use std::net::IpAddr;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect, Set, SqlErr,
};
use time::OffsetDateTime;
use uuid::Uuid;
use vestibule_domain::ports::{AddUserError, Expiring, JoinError, Users};
use vestibule_domain::{
    Leave, Letter, LinkId, Outage, PasswordHash, User, UserId, Username, Visit,
};

use crate::entity::reserved_name;
use crate::entity::user::{ActiveModel, Column, Entity, Model};
use crate::{AT_ONCE, Sql, events, invitations, outbox};

/// [`Users`] in a SQL database.
pub struct SqlUsers(pub Sql);

#[async_trait]
impl Users for SqlUsers {
    async fn find(&self, id: UserId) -> Result<Option<User>, Outage> {
        self.0
            .row(Entity::find_by_id(id.0))
            .await
            .map_err(Outage::during("finding a user"))?
            .map(user)
            .transpose()
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, Outage> {
        let named = Entity::find().filter(Column::Username.eq(username.as_str()));
        self.0
            .row(named)
            .await
            .map_err(Outage::during("finding a user by name"))?
            .map(user)
            .transpose()
    }

    async fn add(&self, user: &User) -> Result<(), AddUserError> {
        let added = self.0.written(async {
            let transaction = self.0.begin().await?;
            if !insert(&transaction, user).await? {
                return Ok(false);
            }
            transaction.commit().await?;
            Ok(true)
        });
        match added.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AddUserError::UsernameTaken),
            Err(e) => Err(Outage::during("adding a user")(e).into()),
        }
    }

    async fn join(&self, user: &User, invitation: LinkId) -> Result<(), JoinError> {
        let joined = self.0.written(async {
            let transaction = self.0.begin().await?;
            if !invitations::take(&transaction, invitation).await? {
                return Ok(Err(JoinError::NotInvited));
            }
            if !insert(&transaction, user).await? {
                return Ok(Err(JoinError::UsernameTaken));
            }
            transaction.commit().await?;
            Ok(Ok(()))
        });
        joined
            .await
            .map_err(Outage::during("adding a user who was invited"))?
    }

    async fn record_login(&self, id: UserId, visit: &Visit) -> Result<Option<User>, Outage> {
        let (at, from) = columns(Some(visit));
        let noted = Entity::update_many()
            .col_expr(Column::PreviousLoginAt, Expr::col(Column::LastLoginAt))
            .col_expr(Column::PreviousLoginFrom, Expr::col(Column::LastLoginFrom))
            .col_expr(Column::LastLoginAt, Expr::value(at))
            .col_expr(Column::LastLoginFrom, Expr::value(from))
            .filter(Column::Id.eq(id.0));
        let rows = self
            .0
            .written(noted.exec_with_returning(&self.0.lazy))
            .await
            .map_err(Outage::during("noting a login"))?;
        rows.into_iter().next().map(user).transpose()
    }

    async fn replace_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, Outage> {
        let replaced = Entity::update_many()
            .col_expr(Column::PasswordHash, Expr::value(new.as_str()))
            .filter(Column::Id.eq(id.0))
            .filter(Column::PasswordHash.eq(old.as_str()));
        self.0
            .written(replaced.exec(&self.0.write))
            .await
            .map(|replaced| replaced.rows_affected > 0)
            .map_err(Outage::during("replacing a password hash"))
    }

    async fn change_password(
        &self,
        id: UserId,
        old: Option<PasswordHash>,
        new: &PasswordHash,
        letters: &[Letter],
    ) -> Result<bool, Outage> {
        self.0
            .written(self.change(id, &text(old), new, letters))
            .await
            .map_err(Outage::during("changing a password"))
    }

    async fn rename(
        &self,
        id: UserId,
        new: &Username,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), AddUserError> {
        match self.0.written(self.give_name(id, new, at, letters)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AddUserError::UsernameTaken),
            Err(e) if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                Err(AddUserError::UsernameTaken)
            }
            Err(e) => Err(Outage::during("renaming a user")(e).into()),
        }
    }

    async fn forget_password(&self, id: UserId) -> Result<(), Outage> {
        let forgotten = Entity::update_many()
            .col_expr(Column::PasswordHash, Expr::value(text(None)))
            .filter(Column::Id.eq(id.0));
        self.0
            .written(forgotten.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("taking a password away"))
    }

    async fn set_disabled(
        &self,
        id: UserId,
        disabled: Option<OffsetDateTime>,
    ) -> Result<bool, Outage> {
        let set = Entity::update_many()
            .col_expr(Column::DisabledAt, Expr::value(disabled))
            .filter(Column::Id.eq(id.0));
        self.0
            .written(set.exec(&self.0.write))
            .await
            .map(|set| set.rows_affected > 0)
            .map_err(Outage::during("disabling or enabling a user"))
    }

    async fn set_leaving(
        &self,
        id: UserId,
        leaves: Option<OffsetDateTime>,
        letters: &[Letter],
    ) -> Result<bool, Outage> {
        self.0
            .written(self.leave(id, leaves, letters))
            .await
            .map_err(Outage::during("noting when a user leaves"))
    }

    async fn leaving(&self, now: OffsetDateTime, most: u64) -> Result<Vec<User>, Outage> {
        let leaving = Entity::find()
            .filter(Column::LeavesAt.lte(now))
            .order_by_asc(Column::LeavesAt)
            .limit(most);
        self.0
            .answer(leaving.all(&self.0.read))
            .await
            .map_err(Outage::during("finding users who leave"))?
            .into_iter()
            .map(user)
            .collect()
    }

    async fn remove(
        &self,
        user: &User,
        at: OffsetDateTime,
        reserved: OffsetDateTime,
    ) -> Result<Option<u64>, Outage> {
        const DURING: &str = "deleting a user";
        let mut emptied = 0;
        loop {
            let step = self.0.written(self.take_away(user, at, reserved)).await;
            let Some((some, is_gone)) = step.map_err(Outage::during(DURING))? else {
                return Ok(None);
            };
            emptied += some;
            if is_gone {
                return Ok(Some(emptied));
            }
        }
    }

    async fn empty_again(&self, since: OffsetDateTime, at: OffsetDateTime) -> Result<u64, Outage> {
        const DURING: &str = "emptying the events of deleted users";
        let gone =
            reserved_name::Entity::find().filter(reserved_name::Column::RemovedAt.gte(since));
        let gone = self.0.answer(gone.all(&self.0.read)).await;
        let mut emptied = 0;
        for name in gone.map_err(Outage::during(DURING))? {
            let some = self.empty_all(name.user_id, at).await;
            emptied += some.map_err(Outage::during(DURING))?;
        }
        Ok(emptied)
    }

    async fn list(&self, after: Option<Username>, most: u64) -> Result<Vec<User>, Outage> {
        let mut users = Entity::find().order_by_asc(Column::Username).limit(most);
        if let Some(after) = after {
            users = users.filter(Column::Username.gt(after.as_str()));
        }
        self.0
            .answer(users.all(&self.0.read))
            .await
            .map_err(Outage::during("listing users"))?
            .into_iter()
            .map(user)
            .collect()
    }
}

/// Names that somebody else may have again.
#[async_trait]
impl Expiring for SqlUsers {
    fn name(&self) -> &'static str {
        "reserved names"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        // By them it is known whose late events are to be emptied.
        let is_old = reserved_name::Column::UntilAt
            .lte(now)
            .and(reserved_name::Column::RemovedAt.lt(now - Leave::LATE));
        self.0
            .forget::<reserved_name::Entity>(reserved_name::Column::Username, is_old)
            .await
            .map_err(Outage::during("forgetting reserved names"))
    }
}

impl SqlUsers {
    /// `false`: the name is not to be had yet.
    async fn give_name(
        &self,
        id: UserId,
        new: &Username,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<bool, DbErr> {
        let transaction = self.0.begin().await?;
        let renamed = Entity::update_many()
            .col_expr(Column::Username, Expr::value(new.as_str()))
            .filter(Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        if is_reserved(&transaction, new, at).await? {
            return Ok(false);
        }
        if renamed.rows_affected > 0 {
            outbox::put_all(&transaction, letters).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn leave(
        &self,
        id: UserId,
        leaves: Option<OffsetDateTime>,
        letters: &[Letter],
    ) -> Result<bool, DbErr> {
        let transaction = self.0.begin().await?;
        let set = Entity::update_many()
            .col_expr(Column::LeavesAt, Expr::value(leaves))
            .filter(Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        if set.rows_affected == 0 {
            return Ok(false);
        }
        outbox::put_all(&transaction, letters).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Empties some of an account's events; with the last of them the account goes, so that whoever is interrupted begins
    /// again. How many there were, and whether it is gone; `None`: it is not to go.
    async fn take_away(
        &self,
        user: &User,
        at: OffsetDateTime,
        reserved: OffsetDateTime,
    ) -> Result<Option<(u64, bool)>, DbErr> {
        let transaction = self.0.begin().await?;
        let emptied = events::empty(&transaction, user.id.0, at).await?;
        let mut whom = Condition::all().add(Column::Id.eq(user.id.0));
        if let Some(leaves) = user.leaves {
            whom = whom.add(Column::LeavesAt.eq(leaves));
        }
        if emptied == AT_ONCE {
            let goes = Entity::find().filter(whom).one(&transaction).await?;
            if goes.is_none() {
                return Ok(None);
            }
            transaction.commit().await?;
            return Ok(Some((emptied, false)));
        }
        // Its sessions, addresses, links and letters go with it.
        let going = Entity::delete_many().filter(whom).exec(&transaction);
        if going.await?.rows_affected == 0 {
            return Ok(None);
        }
        let name = reserved_name::Model {
            username: user.username.as_str().to_owned(),
            user_id: user.id.0,
            removed_at: at,
            until_at: reserved,
        };
        name.into_active_model().insert(&transaction).await?;
        transaction.commit().await?;
        Ok(Some((emptied, true)))
    }

    /// Some at a time: whoever wants to write meanwhile waits for those alone.
    async fn empty_all(&self, user: Uuid, at: OffsetDateTime) -> Result<u64, DbErr> {
        let mut emptied = 0;
        // Mostly there are none: nobody waits for the chain then.
        while self.0.answer(events::has_any(&self.0.read, user)).await? {
            emptied += self.0.written(self.empty_some(user, at)).await?;
        }
        Ok(emptied)
    }

    async fn empty_some(&self, user: Uuid, at: OffsetDateTime) -> Result<u64, DbErr> {
        let transaction = self.0.begin().await?;
        let emptied = events::empty(&transaction, user, at).await?;
        transaction.commit().await?;
        Ok(emptied)
    }

    async fn change(
        &self,
        id: UserId,
        old: &str,
        new: &PasswordHash,
        letters: &[Letter],
    ) -> Result<bool, DbErr> {
        let transaction = self.0.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::PasswordHash, Expr::value(new.as_str()))
            .filter(Column::Id.eq(id.0))
            .filter(Column::PasswordHash.eq(old))
            .exec(&transaction)
            .await?;
        if changed.rows_affected == 0 {
            return Ok(false);
        }
        outbox::put_all(&transaction, letters).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// `false`: the name is not to be had, and the transaction not to be committed.
async fn insert(transaction: &impl ConnectionTrait, user: &User) -> Result<bool, DbErr> {
    let (last_login_at, last_login_from) = columns(user.last_login.as_ref());
    let (previous_login_at, previous_login_from) = columns(user.previous_login.as_ref());
    let row = ActiveModel {
        id: Set(user.id.0),
        username: Set(user.username.as_str().to_owned()),
        password_hash: Set(text(user.password.clone())),
        created_at: Set(user.since),
        last_login_at: Set(last_login_at),
        last_login_from: Set(last_login_from),
        previous_login_at: Set(previous_login_at),
        previous_login_from: Set(previous_login_from),
        disabled_at: Set(user.disabled),
        leaves_at: Set(user.leaves),
    };
    // The name first: whoever is about to reserve it is waited for.
    match row.insert(transaction).await {
        Ok(_) => {}
        Err(e) if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Ok(false);
        }
        Err(e) => return Err(e),
    }
    Ok(!is_reserved(transaction, &user.username, user.since).await?)
}

/// Whether nobody may have a name yet. One that was reserved until before is so no more.
async fn is_reserved(
    transaction: &impl ConnectionTrait,
    name: &Username,
    at: OffsetDateTime,
) -> Result<bool, DbErr> {
    let reserved = reserved_name::Entity::find_by_id(name.as_str());
    let Some(reserved) = reserved.one(transaction).await? else {
        return Ok(false);
    };
    if reserved.until_at > at {
        return Ok(true);
    }
    reserved.delete(transaction).await?;
    Ok(false)
}

/// Keeps what belongs to an account from being changed by others until the transaction ends. On SQLite it is anyway.
pub(crate) async fn lock(transaction: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let locked = Entity::find_by_id(id).lock_exclusive();
    locked.one(transaction).await.map(drop)
}

/// No password is an empty text, which no hash is.
fn text(hash: Option<PasswordHash>) -> String {
    hash.map(|hash| hash.as_str().to_owned())
        .unwrap_or_default()
}

fn columns(visit: Option<&Visit>) -> (Option<OffsetDateTime>, Option<String>) {
    let at = visit.map(|visit| visit.at);
    let from = visit.and_then(|visit| visit.from);
    (at, from.map(|address| address.to_string()))
}

/// A row is checked on its way in: one that was edited by hand into nonsense is an [`Outage`], never a panic.
fn user(row: Model) -> Result<User, Outage> {
    const DURING: &str = "reading a user's row";
    Ok(User {
        id: UserId(row.id),
        username: Username::parse(&row.username).map_err(Outage::during(DURING))?,
        password: (!row.password_hash.is_empty()).then(|| PasswordHash::new(row.password_hash)),
        since: row.created_at,
        last_login: visit(row.last_login_at, row.last_login_from.as_deref())
            .map_err(Outage::during(DURING))?,
        disabled: row.disabled_at,
        leaves: row.leaves_at,
        previous_login: visit(row.previous_login_at, row.previous_login_from.as_deref())
            .map_err(Outage::during(DURING))?,
    })
}

fn visit(
    at: Option<OffsetDateTime>,
    from: Option<&str>,
) -> Result<Option<Visit>, std::net::AddrParseError> {
    let from = from.map(str::parse::<IpAddr>).transpose()?;
    Ok(at.map(|at| Visit { at, from }))
}
