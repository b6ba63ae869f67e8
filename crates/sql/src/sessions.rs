use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;
use vestibule_domain::ports::Sessions;
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::Sql;
use crate::entity::session::{ActiveModel, Column, Entity};

/// [`Sessions`] in the database of the accounts. They go with their account.
pub struct SqlSessions(pub Sql);

#[async_trait]
impl Sessions for SqlSessions {
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage> {
        const DURING: &str = "starting a session";
        Entity::delete_many()
            .filter(Column::ExpiresAt.lte(session.started))
            .exec(&self.0.write)
            .await
            .map_err(Outage::during("forgetting expired sessions"))?;
        let row = ActiveModel {
            id: Set(id.0.to_vec()),
            user_id: Set(session.user.0),
            started_at: Set(session.started),
            expires_at: Set(session.expires),
            ends_at: Set(session.ends),
        };
        row.insert(&self.0.write)
            .await
            .map(drop)
            .map_err(Outage::during(DURING))
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        let row = Entity::find_by_id(id.0.to_vec())
            .one(&self.0.read)
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
        Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::value(expires))
            .filter(Column::Id.eq(id.0.to_vec()))
            .filter(Column::ExpiresAt.lt(expires))
            .exec(&self.0.write)
            .await
            .map(drop)
            .map_err(Outage::during("extending a session"))
    }

    async fn end(&self, id: SessionId) -> Result<(), Outage> {
        Entity::delete_by_id(id.0.to_vec())
            .exec(&self.0.write)
            .await
            .map(drop)
            .map_err(Outage::during("ending a session"))
    }
}
