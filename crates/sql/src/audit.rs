//! Whether the kept events are what was written.

use std::collections::BTreeMap;
use std::fmt;

use sea_orm::{
    AccessMode, ColumnTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IsolationLevel,
    QueryFilter, QueryOrder, QuerySelect, RuntimeErr, TransactionTrait, sqlx,
};
use thiserror::Error;
use time::OffsetDateTime;
use vestibule_domain::{EventKind, Outage};

use crate::Sql;
use crate::chain::{is_emptied, is_itself_or_empty, link};
use crate::entity::event::{Column, Entity, Model};
use crate::entity::event_chain as chain;
use crate::events::EMPTIED;

/// A place in the chain: while a row with this hash is in it, nothing before was changed since it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The row's number; 0 where there has been none.
    pub seq: i64,
    /// The row's hash.
    pub hash: Vec<u8>,
}

/// A chain that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// How many events are kept.
    pub rows: u64,
    /// The time of the first, and that of the last.
    pub span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// How many were pruned before them.
    pub pruned: i64,
    /// Out of how many it was taken whom they were about, since their account was deleted.
    pub emptied: u64,
    /// The end of it.
    pub head: Head,
}

/// The first row that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("row {seq}: {what}")]
pub struct Broken {
    /// Its number.
    pub seq: i64,
    /// What is wrong with it.
    pub what: String,
}

/// How many rows are in memory at a time.
const PAGE: u64 = 1000;

/// Walks the whole chain as it is at one moment, while others may add to it. A head that was `noted` earlier has to be in
/// it.
///
/// # Errors
/// [`Outage`] when the database cannot be read.
pub async fn verify(sql: &Sql, noted: Option<&Head>) -> Result<Result<Whole, Broken>, Outage> {
    let lost = Outage::during("reading the events");
    match walk(sql, noted).await {
        Ok(whole) => Ok(Ok(whole)),
        Err(Stop::Broken(broken)) => Ok(Err(broken)),
        Err(Stop::Lost(e)) => Err(lost(e)),
    }
}

enum Stop {
    Broken(Broken),
    Lost(DbErr),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Lost(error)
    }
}

fn broken<T>(seq: i64, what: impl Into<String>) -> Result<T, Stop> {
    let what = what.into();
    Err(Stop::Broken(Broken { seq, what }))
}

async fn walk(sql: &Sql, noted: Option<&Head>) -> Result<Whole, Stop> {
    let transaction = snapshot(sql).await?;
    let chain = match chain::Entity::find().one(&transaction).await {
        Ok(Some(chain)) => chain,
        Err(e) if !is_unreadable(&e) => return Err(e.into()),
        _ => {
            return broken(
                0,
                "where the chain begins and ends was removed, or cannot be read",
            );
        }
    };
    let mut seen = noted.is_none();
    let mut at = Head {
        seq: chain.anchor_seq,
        hash: chain.anchor_hash,
    };
    seen |= noted == Some(&at);
    let mut after = None;
    let (mut rows, mut span) = (0, None);
    let mut emptied = Emptied::default();
    loop {
        let page = page(&transaction, after, at.seq).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        for row in page {
            follows(&at, &row, chain.head_seq)?;
            span = Some((span.map_or(row.at, |(first, _)| first), row.at));
            rows += 1;
            emptied.count(&row);
            at = Head {
                seq: row.seq,
                hash: row.hash,
            };
            seen |= noted == Some(&at);
        }
    }
    transaction.commit().await?;
    if at.seq < chain.head_seq {
        let last = chain.head_seq;
        return broken(
            at.seq + 1,
            format!("removed, with all up to row {last}, the last"),
        );
    }
    if at.seq != chain.head_seq || at.hash != chain.head_hash {
        return broken(at.seq, "it is the last, and not what was the last");
    }
    if emptied.found > emptied.told {
        let (last, found, told) = (emptied.last, emptied.found, emptied.told);
        return broken(
            last,
            format!("emptied; {found} rows are, but only {told} were when accounts were deleted"),
        );
    }
    let pruned = chain.anchor_seq;
    match noted {
        Some(noted) if !seen && noted.seq < pruned => broken(
            noted.seq,
            "it was pruned since it was noted, and cannot be compared",
        ),
        Some(noted) if !seen => broken(
            noted.seq,
            "it is not what was noted: it, or any before it, was changed or removed, and the chain made anew",
        ),
        _ => Ok(Whole {
            rows,
            span,
            pruned,
            emptied: emptied.found,
            head: at,
        }),
    }
}

/// Rows that were emptied, and what was told of that. They are older than what tells of them, and so are pruned before it.
#[derive(Default)]
struct Emptied {
    found: u64,
    told: u64,
    /// The last of them.
    last: i64,
}

impl Emptied {
    fn count(&mut self, row: &Model) {
        if is_emptied(row) {
            self.found += 1;
            self.last = row.seq;
        }
        if row.kind == EventKind::UserDeleted.as_str() {
            let facts: BTreeMap<String, String> =
                serde_json::from_str(&row.facts).unwrap_or_default();
            let told = facts.get(EMPTIED).and_then(|count| count.parse().ok());
            self.told = self.told.saturating_add(told.unwrap_or(0));
        }
    }
}

/// Whether `row` is the one after `before`.
fn follows(before: &Head, row: &Model, last: i64) -> Result<(), Stop> {
    let next = before.seq + 1;
    if row.seq > next {
        return broken(
            next,
            format!("removed; the next that is there is row {}", row.seq),
        );
    }
    if row.seq < next || row.seq > last {
        return broken(
            row.seq,
            "inserted; no such row was written, or it was pruned",
        );
    }
    if link(&before.hash, row) != *row.hash || !is_itself_or_empty(row) {
        return broken(
            row.seq,
            "changed; its hash does not fit what is in it and before it",
        );
    }
    Ok(())
}

/// The next rows. Where one of them cannot be read at all, it is named.
async fn page(
    transaction: &DatabaseTransaction,
    after: Option<i64>,
    good: i64,
) -> Result<Vec<Model>, Stop> {
    let mut next = Entity::find().order_by_asc(Column::Seq).limit(PAGE);
    if let Some(after) = after {
        next = next.filter(Column::Seq.gt(after));
    }
    match next.clone().all(transaction).await {
        Err(e) if is_unreadable(&e) => {}
        outcome => return Ok(outcome?),
    }
    let numbers = next.select_only().column(Column::Seq);
    let numbers: Vec<i64> = match numbers.into_tuple().all(transaction).await {
        Err(e) if is_unreadable(&e) => return broken(good + 1, "a number here cannot be read"),
        outcome => outcome?,
    };
    let mut rows = Vec::new();
    for seq in numbers {
        match Entity::find_by_id(seq).one(transaction).await {
            Ok(row) => rows.extend(row),
            // Those before it come first: one of them may be wrong as well.
            Err(e) if is_unreadable(&e) && rows.is_empty() => {
                return broken(seq, "changed; it cannot be read");
            }
            Err(e) if is_unreadable(&e) => break,
            Err(e) => return Err(e.into()),
        }
    }
    Ok(rows)
}

/// Whether the database answered, but with something that nobody wrote.
fn is_unreadable(error: &DbErr) -> bool {
    match error {
        DbErr::Type(_) => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => matches!(
            **error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ),
        _ => false,
    }
}

/// All that is read in it is from one moment.
async fn snapshot(sql: &Sql) -> Result<DatabaseTransaction, DbErr> {
    if sql.read.get_database_backend() == DbBackend::Sqlite {
        // A transaction that reads sees what was there when it first looked.
        return sql.read.begin().await;
    }
    let isolation = Some(IsolationLevel::RepeatableRead);
    let access = Some(AccessMode::ReadOnly);
    sql.read.begin_with_config(isolation, access).await
}

impl Head {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hex) = text.trim().split_once(':')?;
        let digits: Vec<u8> = hex
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let hash: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
        (digits.len() == 64).then_some(Self { seq, hash })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
