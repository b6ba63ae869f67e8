use std::net::AddrParseError;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;
use vestibule_domain::ports::{Expiring, Sessions};
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::Sql;
use crate::entity::session::{ActiveModel, Column, Entity, Model};

/// [`Sessions`] in the database of the accounts. They go with their account.
pub struct SqlSessions(pub Sql);

/// Those that have expired.
#[async_trait]
impl Expiring for SqlSessions {
    fn name(&self) -> &'static str {
        "sessions"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        let expired = Column::ExpiresAt.lte(now);
        self.0
            .forget::<Entity>(Column::Id, expired)
            .await
            .map_err(Outage::during("forgetting expired sessions"))
    }
}

#[async_trait]
impl Sessions for SqlSessions {
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage> {
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
        self.0
            .written(row.insert(&self.0.lazy))
            .await
            .map(drop)
            .map_err(Outage::during("starting a session"))
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        let row = Entity::find().filter(named(id));
        let row = self
            .0
            .row(row)
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
        self.0
            .written(extended.exec(&self.0.lazy))
            .await
            .map(drop)
            .map_err(Outage::during("extending a session"))
    }

    async fn of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>, Outage> {
        const DURING: &str = "listing the sessions of a user";
        let rows = Entity::find().filter(Column::UserId.eq(user.0));
        let rows = self
            .0
            .answer(rows.all(&self.0.read))
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
        self.0
            .written(ended.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending a session"))
    }

    async fn end_all(&self, user: UserId) -> Result<(), Outage> {
        let ended = Entity::delete_many().filter(Column::UserId.eq(user.0));
        self.0
            .written(ended.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending all sessions of a user"))
    }

    async fn end_others(&self, keep: SessionId) -> Result<(), Outage> {
        let ended = Entity::delete_many()
            .filter(Column::UserId.eq(keep.user.0))
            .filter(Column::Id.ne(keep.digest.to_vec()));
        self.0
            .written(ended.exec(&self.0.write))
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
