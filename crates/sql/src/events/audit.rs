use std::fmt;

use sea_orm::{
    AccessMode, ColumnTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IsolationLevel,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use time::OffsetDateTime;
use vestibule_domain::Outage;

use super::{PAGE, SqlEvents, link};
use crate::entity::{event, event_chain};

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How many rows were found whole, from the beginning on.
    pub rows: u64,
    /// How many were pruned away before them.
    pub pruned: i64,
    /// When the first of them happened.
    pub since: Option<OffsetDateTime>,
    /// The hash of the last of them: noted down elsewhere, it shows later that nothing before it was changed.
    pub head: Vec<u8>,
    /// Whether one of them had the hash that was asked for.
    pub has_noted: bool,
    /// Where it went wrong, if it did.
    pub fault: Option<Fault>,
}

/// The first thing that is wrong with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This row is not what it was when it was written, or the one before it is not.
    Changed(i64),
    /// This row is gone.
    Missing(i64),
    /// This row was not written by Vestibule.
    Added(i64),
    /// The row that says where the chain begins and ends is gone, or is not what it was.
    Ends,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "row {seq} was changed, or the one before it"),
            Self::Missing(seq) => write!(f, "row {seq} was removed"),
            Self::Added(seq) => write!(f, "row {seq} was added by somebody else"),
            Self::Ends => f.write_str("what the database says of the chain's ends was changed"),
        }
    }
}

impl SqlEvents {
    /// Walks along the whole chain, as it is at this moment, and looks for the row whose hash is `noted`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn audit(&self, noted: Option<&[u8]>) -> Result<Audit, Outage> {
        const DURING: &str = "reading the chain of events";
        let snapshot = self.snapshot().await.map_err(Outage::during(DURING))?;
        let audit = walk(&snapshot, noted)
            .await
            .map_err(Outage::during(DURING))?;
        snapshot.commit().await.map_err(Outage::during(DURING))?;
        Ok(audit)
    }

    /// What is appended or pruned meanwhile does not show.
    async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let read = &self.0.read;
        match sea_orm::ConnectionTrait::get_database_backend(read) {
            DbBackend::Postgres => {
                let isolation = Some(IsolationLevel::RepeatableRead);
                read.begin_with_config(isolation, Some(AccessMode::ReadOnly))
                    .await
            }
            _ => read.begin().await,
        }
    }
}

async fn walk(snapshot: &DatabaseTransaction, noted: Option<&[u8]>) -> Result<Audit, DbErr> {
    let mut audit = Audit {
        rows: 0,
        pruned: 0,
        since: None,
        head: Vec::new(),
        has_noted: false,
        fault: None,
    };
    let Some(chain) = event_chain::Entity::find().one(snapshot).await? else {
        audit.fault = Some(Fault::Ends);
        return Ok(audit);
    };
    audit.pruned = chain.anchor_seq;
    let (mut seq, mut hash) = (chain.anchor_seq, chain.anchor_hash);
    audit.has_noted = noted == Some(&hash);
    // From the very first row on, so that none hides before the anchor.
    let mut from = i64::MIN;
    'pages: loop {
        let page = event::Entity::find()
            .filter(event::Column::Seq.gte(from))
            .order_by_asc(event::Column::Seq)
            .limit(PAGE)
            .all(snapshot)
            .await?;
        for row in &page {
            audit.fault = if row.seq <= seq || row.seq > chain.head_seq {
                Some(Fault::Added(row.seq))
            } else if row.seq != seq + 1 {
                Some(Fault::Missing(seq + 1))
            } else if link::hash(&hash, row) != row.hash {
                Some(Fault::Changed(row.seq))
            } else {
                None
            };
            if audit.fault.is_some() {
                break 'pages;
            }
            (seq, hash) = (row.seq, row.hash.clone());
            audit.rows += 1;
            audit.since.get_or_insert(row.at);
            audit.has_noted |= noted == Some(&hash);
        }
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => from = last.seq + 1,
            _ => break,
        }
    }
    if audit.fault.is_none() && seq < chain.head_seq {
        audit.fault = Some(Fault::Missing(seq + 1));
    } else if audit.fault.is_none() && (seq, &hash) != (chain.head_seq, &chain.head_hash) {
        audit.fault = Some(Fault::Ends);
    }
    audit.head = hash;
    Ok(audit)
}
