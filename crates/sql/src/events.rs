//! Security events, kept as a chain: each row's hash is over the row before it and all that is in the row itself.

mod audit;
mod link;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Set,
};
use time::OffsetDateTime;
use vestibule_domain::{Event, Outage, RequestId};

use crate::Sql;
use crate::entity::{event, event_chain};

pub use audit::{Audit, Fault};

/// The kept events.
#[derive(Clone)]
pub struct SqlEvents(pub Sql);

/// An event as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: OffsetDateTime,
    /// What, by its name in the vocabulary.
    pub kind: String,
    /// Whose account it was about.
    pub user: Option<vestibule_domain::UserId>,
    /// The client's address.
    pub address: Option<String>,
    /// Names and values that explain it.
    pub facts: Vec<(String, String)>,
}

/// How many rows are read at once.
const PAGE: u64 = 1000;

impl SqlEvents {
    /// Adds events to the end of the chain, all or none. Of several instances that do so at once, one waits for the other.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn append(&self, events: &[Event]) -> Result<(), Outage> {
        self.0
            .answer(async {
                let (transaction, chain) = self.hold().await?;
                let (mut seq, mut hash) = (chain.head_seq, chain.head_hash.clone());
                let mut rows = Vec::with_capacity(events.len());
                for event in events {
                    seq += 1;
                    let row = link::row(seq, &hash, event);
                    hash.clone_from(&row.hash);
                    rows.push(row.into_active_model());
                }
                event::Entity::insert_many(rows).exec(&transaction).await?;
                let mut chain = chain.into_active_model();
                chain.head_seq = Set(seq);
                chain.head_hash = Set(hash);
                chain.update(&transaction).await?;
                transaction.commit().await
            })
            .await
            .map_err(Outage::during("keeping security events"))
    }

    /// What is kept of this request, oldest first.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn of_request(&self, request: RequestId) -> Result<Vec<Kept>, Outage> {
        let rows = event::Entity::find()
            .filter(event::Column::Request.eq(request.to_string()))
            .order_by_asc(event::Column::Seq);
        let rows = self
            .0
            .answer(rows.all(&self.0.read))
            .await
            .map_err(Outage::during("finding the events of a request"))?;
        Ok(rows.into_iter().map(kept).collect())
    }

    /// Removes events from the beginning of the chain that are older than `before`, at most `most`; how many there were.
    /// What is left stays a chain: its anchor moves along.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn prune(&self, before: OffsetDateTime, most: u64) -> Result<u64, Outage> {
        self.0
            .answer(async {
                let (transaction, chain) = self.hold().await?;
                let oldest = event::Entity::find()
                    .order_by_asc(event::Column::Seq)
                    .limit(most)
                    .all(&transaction)
                    .await?;
                let old = oldest.iter().take_while(|row| row.at < before);
                let Some(last) = old.last() else {
                    return transaction.rollback().await.map(|()| 0);
                };
                let gone = event::Entity::delete_many()
                    .filter(event::Column::Seq.lte(last.seq))
                    .exec(&transaction)
                    .await?;
                let mut chain = chain.into_active_model();
                chain.anchor_seq = Set(last.seq);
                chain.anchor_hash = Set(last.hash.clone());
                chain.update(&transaction).await?;
                transaction.commit().await?;
                Ok(gone.rows_affected)
            })
            .await
            .map_err(Outage::during("pruning security events"))
    }

    /// Nobody else writes to the chain until the transaction ends.
    async fn hold(&self) -> Result<(DatabaseTransaction, event_chain::Model), DbErr> {
        let transaction = self.0.begin().await?;
        let chain = event_chain::Entity::find()
            .lock_exclusive()
            .one(&transaction)
            .await?
            .ok_or_else(|| DbErr::RecordNotFound("the end of the chain".to_owned()))?;
        Ok((transaction, chain))
    }
}

fn kept(row: event::Model) -> Kept {
    Kept {
        seq: row.seq,
        at: row.at,
        kind: row.kind,
        user: row.user_id.map(vestibule_domain::UserId),
        address: row.address,
        facts: link::facts(&row.facts),
    }
}
