use async_trait::async_trait;
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use time::OffsetDateTime;
use uuid::Uuid;
use vestibule_domain::ports::{Expiring, Links};
use vestibule_domain::{EmailAddress, Link, LinkId, Outage, Purpose, UserId};

use crate::Sql;
use crate::entity::link::{Column, Entity, Model};
use crate::users;

/// [`Links`] in the database of the accounts. They go with their account.
pub struct SqlLinks(pub Sql);

impl SqlLinks {
    async fn keep(&self, row: Model, is_only: bool) -> Result<(), DbErr> {
        if !is_only {
            return row
                .into_active_model()
                .insert(&self.0.write)
                .await
                .map(drop);
        }
        let transaction = self.0.begin().await?;
        // Two at once would not see each other.
        users::lock(&transaction, row.user_id).await?;
        older(row.user_id, Purpose::Reset)
            .exec(&transaction)
            .await?;
        row.into_active_model().insert(&transaction).await?;
        transaction.commit().await
    }
}

fn older(user: Uuid, purpose: Purpose) -> sea_orm::DeleteMany<Entity> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Purpose.eq(purpose.as_str()))
}

#[async_trait]
impl Links for SqlLinks {
    async fn add(&self, id: LinkId, link: &Link) -> Result<(), Outage> {
        let row = Model {
            id: id.0.to_vec(),
            purpose: link.purpose.as_str().to_owned(),
            user_id: link.user.0,
            address: link
                .address
                .as_ref()
                .map(|address| address.as_str().to_owned()),
            since_at: link.since,
            expires_at: link.expires,
        };
        let is_only = link.purpose == Purpose::Reset;
        self.0
            .written(self.keep(row, is_only))
            .await
            .map_err(Outage::during("keeping a link"))
    }

    async fn find(&self, id: LinkId) -> Result<Option<Link>, Outage> {
        self.0
            .row(Entity::find_by_id(id.0.to_vec()))
            .await
            .map_err(Outage::during("finding a link"))?
            .as_ref()
            .map(link)
            .transpose()
    }

    async fn take(&self, id: LinkId) -> Result<bool, Outage> {
        let taken = Entity::delete_by_id(id.0.to_vec());
        self.0
            .written(taken.exec(&self.0.write))
            .await
            .map(|taken| taken.rows_affected > 0)
            .map_err(Outage::during("taking a link"))
    }

    async fn end(&self, user: UserId, purpose: Purpose) -> Result<(), Outage> {
        self.0
            .written(older(user.0, purpose).exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("ending links"))
    }
}

/// Those that have expired.
#[async_trait]
impl Expiring for SqlLinks {
    fn name(&self) -> &'static str {
        "links"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        let expired = Column::ExpiresAt.lte(now);
        self.0
            .forget::<Entity>(Column::Id, expired)
            .await
            .map_err(Outage::during("forgetting links"))
    }
}

/// A row is checked on its way in, as a user's is.
fn link(row: &Model) -> Result<Link, Outage> {
    const DURING: &str = "reading a link's row";
    let purpose = Purpose::parse(&row.purpose);
    let address = row.address.as_deref().map(EmailAddress::parse).transpose();
    Ok(Link {
        purpose: purpose.ok_or_else(|| Outage::during(DURING)("its purpose"))?,
        user: UserId(row.user_id),
        address: address.map_err(Outage::during(DURING))?,
        since: row.since_at,
        expires: row.expires_at,
    })
}
