use std::net::AddrParseError;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, Query};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;
use vestibule_domain::ports::Sessions;
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::Sql;
use crate::entity::session::{ActiveModel, Column, Entity, Model};
use crate::turn::Turn;

/// [`Sessions`] in the database of the accounts. They go with their account.
pub struct SqlSessions {
    sql: Sql,
    forgetting: Turn,
}

/// How many expired sessions go at once, once a minute: more than start in a minute of logins on all cores of a small
/// machine, and few, so that nobody waits for it.
const CLEARED: u64 = 10_000;

impl SqlSessions {
    /// Those of this database.
    pub fn new(sql: Sql) -> Self {
        Self {
            sql,
            forgetting: Turn::new(),
        }
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<(), DbErr> {
        // Two who clear away at once each leave to the other what the other has begun with.
        let expired = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(Column::ExpiresAt.lte(now))
            .limit(CLEARED)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .to_owned();
        let cleared = Entity::delete_many().filter(Column::Id.in_subquery(expired));
        cleared.exec(&self.sql.write).await.map(drop)
    }
}

#[async_trait]
impl Sessions for SqlSessions {
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage> {
        if self.forgetting.is_due(session.started.unix_timestamp()) {
            self.sql
                .answer(self.forget(session.started))
                .await
                .map_err(Outage::during("forgetting expired sessions"))?;
        }
        let row = ActiveModel {
            id: Set(id.digest.to_vec()),
            user_id: Set(session.user.0),
            started_at: Set(session.started),
            expires_at: Set(session.expires),
            ends_at: Set(session.ends),
            seen_at: Set(Some(session.seen)),
            remembered: Set(session.remembered),
            started_from: Set(session.from.map(|address| address.to_string())),
            agent: Set(session.agent.clone()),
        };
        self.sql
            .answer(row.insert(&self.sql.write))
            .await
            .map(drop)
            .map_err(Outage::during("starting a session"))
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        let row = Entity::find().filter(named(id));
        let row = self
            .sql
            .answer(row.one(&self.sql.read))
            .await
            .map_err(Outage::during("finding a session"))?;
        row.map(session).transpose()
    }

    async fn extend(
        &self,
        id: SessionId,
        seen: OffsetDateTime,
        expires: OffsetDateTime,
    ) -> Result<(), Outage> {
        let later = |column: Column, at: OffsetDateTime| {
            let earlier = Expr::col(column).is_null().or(column.lt(at));
            Expr::case(earlier, at).finally(Expr::col(column))
        };
        let extended = Entity::update_many()
            .col_expr(Column::SeenAt, later(Column::SeenAt, seen).into())
            .col_expr(Column::ExpiresAt, later(Column::ExpiresAt, expires).into())
            .filter(named(id));
        self.sql
            .answer(extended.exec(&self.sql.write))
            .await
            .map(drop)
            .map_err(Outage::during("extending a session"))
    }

    async fn of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>, Outage> {
        const DURING: &str = "listing the sessions of a user";
        let rows = Entity::find().filter(Column::UserId.eq(user.0));
        let rows = self
            .sql
            .answer(rows.all(&self.sql.read))
            .await
            .map_err(Outage::during(DURING))?;
        let named = |row: Model| {
            let digest = row.id.as_slice().try_into();
            let digest = digest.map_err(Outage::during(DURING))?;
            Ok((SessionId { user, digest }, session(row)?))
        };
        rows.into_iter().map(named).collect()
    }

    async fn end(&self, id: SessionId) -> Result<(), Outage> {
        let ended = Entity::delete_many().filter(named(id));
        self.sql
            .answer(ended.exec(&self.sql.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending a session"))
    }

    async fn end_all(&self, user: UserId) -> Result<(), Outage> {
        let ended = Entity::delete_many().filter(Column::UserId.eq(user.0));
        self.sql
            .answer(ended.exec(&self.sql.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending all sessions of a user"))
    }

    async fn end_others(&self, keep: SessionId) -> Result<(), Outage> {
        let ended = Entity::delete_many()
            .filter(Column::UserId.eq(keep.user.0))
            .filter(Column::Id.ne(keep.digest.to_vec()));
        self.sql
            .answer(ended.exec(&self.sql.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending a user's other sessions"))
    }
}

/// A row is checked on its way in: one that was edited by hand into nonsense is an [`Outage`], never a panic.
fn session(row: Model) -> Result<Session, Outage> {
    let from = row.started_from.as_deref().map(str::parse).transpose();
    Ok(Session {
        user: UserId(row.user_id),
        started: row.started_at,
        seen: row.seen_at.unwrap_or(row.started_at),
        expires: row.expires_at,
        ends: row.ends_at,
        remembered: row.remembered,
        from: from.map_err(|e: AddrParseError| Outage::during("reading a session's row")(e))?,
        agent: row.agent,
    })
}

fn named(id: SessionId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.digest.to_vec()))
        .add(Column::UserId.eq(id.user.0))
}
