use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryOrder,
};
use time::OffsetDateTime;
use vestibule_domain::ports::{Expiring, Invitations};
use vestibule_domain::{Invitation, LinkId, Outage};

use crate::Sql;
use crate::entity::invitation::{Column, Entity, Model};

/// [`Invitations`] in the database of the accounts.
pub struct SqlInvitations(pub Sql);

#[async_trait]
impl Invitations for SqlInvitations {
    async fn add(&self, id: LinkId, invitation: &Invitation) -> Result<(), Outage> {
        let row = Model {
            id: id.0.to_vec(),
            since_at: invitation.since,
            expires_at: invitation.expires,
        };
        self.0
            .written(row.into_active_model().insert(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("keeping an invitation"))
    }

    async fn find(&self, id: LinkId) -> Result<Option<Invitation>, Outage> {
        let row = Entity::find_by_id(id.0.to_vec());
        let row = self
            .0
            .row(row)
            .await
            .map_err(Outage::during("finding an invitation"))?;
        Ok(row.as_ref().map(invitation))
    }

    async fn list(&self) -> Result<Vec<(LinkId, Invitation)>, Outage> {
        const DURING: &str = "listing invitations";
        let rows = Entity::find().order_by_asc(Column::SinceAt);
        let rows = self
            .0
            .answer(rows.all(&self.0.read))
            .await
            .map_err(Outage::during(DURING))?;
        let named = |row: Model| {
            let id = row.id.as_slice().try_into();
            Ok((
                LinkId(id.map_err(Outage::during(DURING))?),
                invitation(&row),
            ))
        };
        rows.into_iter().map(named).collect()
    }

    async fn end(&self, id: LinkId) -> Result<bool, Outage> {
        self.0
            .written(take(&self.0.write, id))
            .await
            .map_err(Outage::during("ending an invitation"))
    }
}

/// Those that have expired.
#[async_trait]
impl Expiring for SqlInvitations {
    fn name(&self) -> &'static str {
        "invitations"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        let expired = Column::ExpiresAt.lte(now);
        self.0
            .forget::<Entity>(Column::Id, expired)
            .await
            .map_err(Outage::during("forgetting invitations"))
    }
}

/// Takes an invitation out; `false`: somebody else has.
pub(crate) async fn take(database: &impl ConnectionTrait, id: LinkId) -> Result<bool, DbErr> {
    let taken = Entity::delete_by_id(id.0.to_vec());
    Ok(taken.exec(database).await?.rows_affected > 0)
}

fn invitation(row: &Model) -> Invitation {
    Invitation {
        since: row.since_at,
        expires: row.expires_at,
    }
}
