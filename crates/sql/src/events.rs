use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Set,
};
use time::OffsetDateTime;
use vestibule_domain::ports::{Expiring, History};
use vestibule_domain::{Event, EventKind, Kept, Outage, RequestId, UserId};

use crate::chain::{NO_FACTS, is_itself_or_empty, link, personal};
use crate::entity::event::{Column, Entity, Model};
use crate::entity::event_chain as chain;
use crate::{AT_ONCE, Sql};

/// The kept events. Each row has a hash over itself and the hash of the row before it, so that none can be changed or
/// taken out of the middle without a trace. Any number of instances add to the one chain.
pub struct SqlEvents(pub Sql);

/// The same, of which those go that are older than a time.
pub struct SqlEventsKeptFor(pub SqlEvents, pub Duration);

#[async_trait]
impl Expiring for SqlEventsKeptFor {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        self.0.prune(now - self.1, AT_ONCE).await
    }
}

/// A row that would not follow the one before it.
#[derive(Debug, thiserror::Error)]
#[error("row {0} was changed, or one before it: `vestibule audit verify` says more")]
struct NotWhole(i64);

/// What a fact may take: an address line fits.
const FACT_CHARS: usize = 256;

impl SqlEvents {
    /// Adds events to the end of the chain, all of them or none. When the answer to the last step of this is lost, they may
    /// be kept all the same.
    ///
    /// # Errors
    /// [`Outage`] when the database does not take them in time.
    pub async fn append(&self, events: &[Event]) -> Result<(), Outage> {
        self.0
            .written(self.add(events))
            .await
            .map_err(Outage::during("keeping events"))
    }

    async fn add(&self, events: &[Event]) -> Result<(), DbErr> {
        if events.is_empty() {
            return Ok(());
        }
        let transaction = self.0.begin().await?;
        let chain = locked(&transaction).await?;
        extend(&transaction, chain, events).await?;
        transaction.commit().await
    }

    /// Forgets the oldest events, those from before a moment, `most` of them at most; how many there were. The chain begins
    /// behind them from then on. What does not follow from what is before it is not forgotten: it is evidence.
    ///
    /// # Errors
    /// [`Outage`] when the database does not do it in time, or an old row was changed.
    pub async fn prune(&self, before: OffsetDateTime, most: u64) -> Result<u64, Outage> {
        const DURING: &str = "forgetting old events";
        self.0
            .written(async { Ok(self.forget(before, most).await) })
            .await
            .map_err(Outage::during(DURING))?
    }

    async fn forget(&self, before: OffsetDateTime, most: u64) -> Result<u64, Outage> {
        const DURING: &str = "forgetting old events";
        let lost = |e: DbErr| Outage::during(DURING)(e);
        let transaction = self.0.begin().await.map_err(lost)?;
        let chain = locked(&transaction).await.map_err(lost)?;
        let rows = Entity::find()
            .order_by_asc(Column::Seq)
            .limit(most)
            .all(&transaction)
            .await
            .map_err(lost)?;
        let (mut seq, mut hash) = (chain.anchor_seq, chain.anchor_hash.clone());
        let mut forgotten = 0;
        for row in rows.into_iter().take_while(|row| row.at < before) {
            let is_whole = link(&hash, &row) == *row.hash && is_itself_or_empty(&row);
            if row.seq != seq + 1 || !is_whole {
                return Err(Outage::during(DURING)(NotWhole(row.seq)));
            }
            (seq, hash) = (row.seq, row.hash);
            forgotten += 1;
        }
        if forgotten > 0 {
            Entity::delete_many()
                .filter(Column::Seq.lte(seq))
                .exec(&transaction)
                .await
                .map_err(lost)?;
            let mut chain = chain.into_active_model();
            chain.anchor_seq = Set(seq);
            chain.anchor_hash = Set(hash);
            chain.update(&transaction).await.map_err(lost)?;
        }
        transaction.commit().await.map_err(lost)?;
        Ok(forgotten)
    }

    /// What is kept of a request, in the order in which it happened.
    ///
    /// # Errors
    /// [`Outage`] when the database cannot be read.
    pub async fn of_request(&self, request: RequestId) -> Result<Vec<Kept>, Outage> {
        let rows = Entity::find()
            .filter(Column::Request.eq(request.to_string()))
            .order_by_asc(Column::Seq);
        let rows = self
            .0
            .answer(rows.all(&self.0.read))
            .await
            .map_err(Outage::during("finding the events of a request"))?;
        Ok(rows.into_iter().map(kept).collect())
    }
}

#[async_trait]
impl History for SqlEvents {
    async fn of(
        &self,
        user: UserId,
        kinds: &[EventKind],
        before: Option<i64>,
        most: u64,
    ) -> Result<Vec<Kept>, Outage> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .filter(Column::Kind.is_in(kinds.iter().map(|kind| kind.as_str())))
            .filter(Column::Seq.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Seq)
            .limit(most);
        let rows = self
            .0
            .answer(rows.all(&self.0.read))
            .await
            .map_err(Outage::during("finding the events of an account"))?;
        Ok(rows.into_iter().map(kept).collect())
    }
}

/// The chain's one row: whoever has it is alone with the chain until its transaction ends.
async fn locked(transaction: &DatabaseTransaction) -> Result<chain::Model, DbErr> {
    chain::Entity::find()
        .lock_exclusive()
        .one(transaction)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the row of the chain".to_owned()))
}

/// Adds events behind the chain's head.
async fn extend(
    transaction: &DatabaseTransaction,
    chain: chain::Model,
    events: &[Event],
) -> Result<(), DbErr> {
    let (mut seq, mut hash) = (chain.head_seq, chain.head_hash.clone());
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        seq += 1;
        let mut row = row(seq, event)?;
        hash = link(&hash, &row).to_vec();
        row.hash.clone_from(&hash);
        rows.push(row.into_active_model());
    }
    Entity::insert_many(rows)
        .exec_without_returning(transaction)
        .await?;
    let mut chain = chain.into_active_model();
    chain.head_seq = Set(seq);
    chain.head_hash = Set(hash);
    chain.update(transaction).await.map(drop)
}

/// Takes out of the kept events whom they were about, of [`AT_ONCE`] at most, and adds one that says of how many: so many may be
/// empty, and no more. Those that cannot be emptied go in their time. To be done first in a transaction: it waits for the chain.
pub(crate) async fn empty(
    transaction: &DatabaseTransaction,
    user: uuid::Uuid,
    at: OffsetDateTime,
) -> Result<u64, DbErr> {
    let chain = locked(transaction).await?;
    let some = Query::select()
        .column(Column::Seq)
        .from(Entity)
        .cond_where(personal_of(user))
        .limit(AT_ONCE)
        .to_owned();
    let emptied = Entity::update_many()
        .col_expr(Column::Request, Expr::value(None::<String>))
        .col_expr(Column::UserId, Expr::value(None::<uuid::Uuid>))
        .col_expr(Column::Address, Expr::value(None::<String>))
        .col_expr(Column::Facts, Expr::value(NO_FACTS))
        .col_expr(Column::Salt, Expr::value(None::<Vec<u8>>))
        .filter(Column::Seq.in_subquery(some))
        .exec(transaction)
        .await?
        .rows_affected;
    let gone = Event {
        at,
        kind: EventKind::UserDeleted,
        request: None,
        user: None,
        address: None,
        facts: vec![(EMPTIED, emptied.to_string())],
    };
    extend(transaction, chain, &[gone]).await?;
    Ok(emptied)
}

/// Whether anything is kept that could be emptied of whom it was about.
pub(crate) async fn has_any(
    database: &impl ConnectionTrait,
    user: uuid::Uuid,
) -> Result<bool, DbErr> {
    let one = Entity::find().filter(personal_of(user));
    Ok(one.one(database).await?.is_some())
}

fn personal_of(user: uuid::Uuid) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(user))
        .add(Column::Personal.is_not_null())
}

/// The fact that says how many rows were emptied.
pub(crate) const EMPTIED: &str = "emptied";

fn row(seq: i64, event: &Event) -> Result<Model, DbErr> {
    let mut salt = vec![0; 16];
    getrandom::fill(&mut salt).map_err(|e| DbErr::Custom(e.to_string()))?;
    let facts = event.facts.iter();
    let facts: BTreeMap<_, String> = facts
        .map(|(name, value)| (*name, value.chars().take(FACT_CHARS).collect()))
        .collect();
    let mut row = Model {
        seq,
        at: event.at,
        kind: event.kind.as_str().to_owned(),
        request: event.request.map(|request| request.to_string()),
        user_id: event.user.map(|user| user.0),
        address: event.address.map(|address| address.to_string()),
        facts: serde_json::to_string(&facts).unwrap_or_default(),
        hash: Vec::new(),
        salt: None,
        personal: None,
    };
    row.personal = Some(personal(&salt, &row).to_vec());
    row.salt = Some(salt);
    Ok(row)
}

fn kept(row: Model) -> Kept {
    // What somebody edited into nonsense is shown as it is.
    let facts = serde_json::from_str(&row.facts)
        .unwrap_or_else(|_| BTreeMap::from([("facts".to_owned(), row.facts)]));
    Kept {
        seq: row.seq,
        at: row.at,
        kind: row.kind,
        user: row.user_id.map(UserId),
        address: row.address,
        facts,
    }
}
