use async_trait::async_trait;
use sea_orm::sea_query::{Expr, LockBehavior, LockType, Query};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;
use vestibule_domain::ports::Sessions;
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::Sql;
use crate::entity::session::{ActiveModel, Column, Entity};

/// [`Sessions`] in the database of the accounts. They go with their account.
pub struct SqlSessions(pub Sql);

/// How many expired sessions a new one clears away: more than one, so that they do not pile up, and few, so that nobody
/// waits for it.
const CLEARED: u64 = 100;

#[async_trait]
impl Sessions for SqlSessions {
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage> {
        // Two who clear away at once each leave to the other what the other has begun with.
        let expired = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(Column::ExpiresAt.lte(session.started))
            .limit(CLEARED)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .to_owned();
        let cleared = Entity::delete_many().filter(Column::Id.in_subquery(expired));
        self.0
            .answer(cleared.exec(&self.0.write))
            .await
            .map_err(Outage::during("forgetting expired sessions"))?;
        let row = ActiveModel {
            id: Set(id.digest.to_vec()),
            user_id: Set(session.user.0),
            started_at: Set(session.started),
            expires_at: Set(session.expires),
            ends_at: Set(session.ends),
        };
        self.0
            .answer(row.insert(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("starting a session"))
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        let row = Entity::find().filter(named(id));
        let row = self
            .0
            .answer(row.one(&self.0.read))
            .await
            .map_err(Outage::during("finding a session"))?;
        Ok(row.map(|row| Session {
            user: UserId(row.user_id),
            started: row.started_at,
            expires: row.expires_at,
            ends: row.ends_at,
        }))
    }

    async fn extend(&self, id: SessionId, expires: OffsetDateTime) -> Result<(), Outage> {
        let extended = Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::value(expires))
            .filter(named(id))
            .filter(Column::ExpiresAt.lt(expires));
        self.0
            .answer(extended.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("extending a session"))
    }

    async fn end(&self, id: SessionId) -> Result<(), Outage> {
        let ended = Entity::delete_many().filter(named(id));
        self.0
            .answer(ended.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending a session"))
    }

    async fn end_all(&self, user: UserId) -> Result<(), Outage> {
        let ended = Entity::delete_many().filter(Column::UserId.eq(user.0));
        self.0
            .answer(ended.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending all sessions of a user"))
    }
}

fn named(id: SessionId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.digest.to_vec()))
        .add(Column::UserId.eq(id.user.0))
}
