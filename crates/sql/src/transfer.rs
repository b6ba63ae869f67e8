//! Moving the accounts from one database to another.

mod emails;
mod reserved;
mod rows;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, PaginatorTrait};
use sha2::{Digest, Sha256};
use thiserror::Error;
use vestibule_domain::Outage;

use self::rows::{add, compare, page, write};
use crate::entity::user::Entity;
use crate::{Options, Place, Sql, pending_migrations};

/// How many accounts are written in one statement, which is one transaction. Their columns are fewer than the 32766 parameters that a statement of
/// SQLite may have.
const BATCH: u64 = 500;

/// Where accounts come from, and where they go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From here.
    Source,
    /// To here.
    Target,
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// How many accounts were written; those that were there already were not.
    pub written: u64,
    /// What the source holds at the end.
    pub source: Sum,
    /// What the target holds at the end. When it is not the same, one side was in use meanwhile: to be run again.
    pub target: Sum,
}

/// All accounts of a database, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How many there are.
    pub accounts: u64,
    /// The SHA-256 over all columns of all accounts in the order of their ids.
    pub checksum: [u8; 32],
}

/// Why accounts were not moved, or not all of them.
#[derive(Debug, Error)]
pub enum TransferError {
    /// There is nothing to do.
    #[error("the source and the target are the same database")]
    Same,
    /// Its URL is none of ours.
    #[error("{0} is named by something else than a sqlite: or postgres: URL")]
    NotAUrl(Side),
    /// It would be gone when the program ends.
    #[error("{0} is a database in memory, which nobody else can see")]
    InMemory(Side),
    /// There is no such file, and none is made.
    #[error("{0} is not there: {path}", path = .1.display())]
    Missing(Side, PathBuf),
    /// Its schema is an older one.
    #[error("the schema of {0} is {1} steps behind: run `vestibule migrate` on it first")]
    Behind(Side, usize),
    /// The target is not, or no longer, a copy of the source.
    #[error(
        "the target holds other accounts ({0} for one), which the source does not have: move to an empty database"
    )]
    OtherAccounts(String),
    /// What the source would overwrite is newer.
    #[error(
        "the target has been in use: {0} signed in there later than at the source, so the source is out of date"
    )]
    InUse(String),
    /// An account appeared in the target while it was written to.
    #[error("the target was in use while it was written to; stop what uses it and run this again")]
    Crossed,
    /// A database did not do what it should.
    #[error("{0} cannot be used: {chain}", chain = .1.chain())]
    Outage(Side, #[source] Outage),
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

impl Side {
    fn failed(self, during: &'static str) -> impl FnOnce(DbErr) -> TransferError {
        move |e| TransferError::Outage(self, Outage::during(during)(e))
    }

    fn out(self) -> impl FnOnce(Outage) -> TransferError {
        move |outage| TransferError::Outage(self, outage)
    }
}

/// Copies every account, with its e-mail addresses, and the names that are reserved, from the database at the URL `from` to
/// the one at `to`, whose schema is made where there is none.
/// Sessions, links and mail that waits stay behind. `progress` is told how much of how much is done.
///
/// It may be broken off at any time and done again: each batch is written whole or not at all, what is there already is
/// left alone, and what differs is made as in the source. Nothing is written before all of the target was looked at.
///
/// # Errors
/// [`TransferError`].
pub async fn transfer(
    from: &str,
    to: &str,
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Moved, TransferError> {
    let (from_place, to_place) = (
        place(from, Side::Source, false)?,
        place(to, Side::Target, true)?,
    );
    if is_same((from, &from_place), (to, &to_place)) {
        return Err(TransferError::Same);
    }
    check_schema(from, options, Side::Source).await?;
    check_schema(to, options, Side::Target).await?;
    let source = connect(from, options, Side::Source).await?.read;
    let target = connect(to, options, Side::Target).await?;
    target.migrate().await.map_err(Side::Target.out())?;
    let target = target.write;

    let accounts = Entity::find()
        .count(&source)
        .await
        .map_err(Side::Source.failed("counting accounts"))?;
    let done = Done {
        progress,
        // Looked at, written, and summed up on both sides.
        total: accounts * 4,
    };
    walk(&source, &target, Act::Look, |rows| done.say(rows)).await?;
    reserved::copy(&source, &target).await?;
    let written = walk(&source, &target, Act::Write, |rows| {
        done.say(accounts + rows);
    })
    .await?;
    let source = sum(&source, Side::Source, |rows| done.say(accounts * 2 + rows)).await?;
    let target = sum(&target, Side::Target, |rows| done.say(accounts * 3 + rows)).await?;
    Ok(Moved {
        written,
        source,
        target,
    })
}

struct Done<'p> {
    progress: &'p (dyn Fn(u64, u64) + Send + Sync),
    total: u64,
}

impl Done<'_> {
    fn say(&self, rows: u64) {
        // More may have come since they were counted.
        (self.progress)(Ord::min(rows, self.total), self.total);
    }
}

fn place(url: &str, side: Side, made: bool) -> Result<Place, TransferError> {
    // SQLite would take any text for the name of a file.
    let ours = ["sqlite:", "postgres://", "postgresql://"];
    if !ours.iter().any(|scheme| url.starts_with(scheme)) {
        return Err(TransferError::NotAUrl(side));
    }
    let place = Place::of(url).map_err(side.out())?;
    match &place {
        Place::Memory => Err(TransferError::InMemory(side)),
        Place::File { path, make } if !(path.exists() || made && *make) => {
            Err(TransferError::Missing(side, path.clone()))
        }
        Place::File { .. } | Place::Server => Ok(place),
    }
}

/// Whether two URLs lead to one database, as far as one can tell: a server has many names. To miss it does no harm, since
/// nothing differs.
fn is_same(one: (&str, &Place), other: (&str, &Place)) -> bool {
    match (one.1, other.1) {
        (Place::File { path: one, .. }, Place::File { path: other, .. }) => {
            match (one.canonicalize(), other.canonicalize()) {
                (Ok(one), Ok(other)) => one == other,
                // One is yet to be made.
                _ => false,
            }
        }
        (Place::Server, Place::Server) => {
            let name = |url: &str| {
                let server: PgConnectOptions = url.parse().ok()?;
                let database = server.get_database().unwrap_or(server.get_username());
                let at = (server.get_host(), server.get_port(), server.get_socket());
                Some(format!("{at:?} {database}"))
            };
            name(one.0) == name(other.0)
        }
        _ => false,
    }
}

/// The source must be up to date; the target may be empty, too.
async fn check_schema(url: &str, options: &Options, side: Side) -> Result<(), TransferError> {
    let pending = pending_migrations(url, options).await.map_err(side.out())?;
    let may_be_empty = side == Side::Target && pending == crate::all_migrations();
    if pending == 0 || may_be_empty {
        Ok(())
    } else {
        Err(TransferError::Behind(side, pending))
    }
}

async fn connect(url: &str, options: &Options, side: Side) -> Result<Sql, TransferError> {
    Sql::connect(url, options).await.map_err(side.out())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Look,
    Write,
}

/// Goes over both sides at once, a batch of the source at a time, and gives the number of accounts that differ, which are
/// written by then where `act` says so.
async fn walk(
    source: &DatabaseConnection,
    target: &DatabaseConnection,
    act: Act,
    mut done: impl FnMut(u64),
) -> Result<u64, TransferError> {
    let (mut after, mut seen, mut differing) = (None, 0, 0);
    loop {
        let rows = page(source, after, None, BATCH)
            .await
            .map_err(Side::Source.failed("reading accounts"))?;
        let count = rows.len() as u64;
        // Past the last account of the source there must be nothing: then nothing is the limit.
        let upto = rows.last().map(|last| last.id);
        // One more than may be there: then there is one that may not.
        let there = page(target, after, upto, count + 1)
            .await
            .map_err(Side::Target.failed("reading accounts"))?;
        let new = compare(rows, &there)?;
        let mut changed: BTreeSet<_> = new.iter().map(|row| row.id).collect();
        if act == Act::Write {
            if !new.is_empty() {
                write(target, new).await?;
            }
            // They come after the account that they belong to.
            changed.extend(emails::copy(source, target, after, upto).await?);
        }
        differing += changed.len() as u64;
        if upto.is_none() {
            return Ok(differing);
        }
        after = upto;
        seen += count;
        done(seen);
    }
}

async fn sum(
    database: &DatabaseConnection,
    side: Side,
    mut done: impl FnMut(u64),
) -> Result<Sum, TransferError> {
    let (mut after, mut accounts, mut digest) = (None, 0, Sha256::new());
    loop {
        let rows = page(database, after, None, BATCH)
            .await
            .map_err(side.failed("summing up accounts"))?;
        accounts += rows.len() as u64;
        done(accounts);
        let upto = rows.last().map(|last| last.id);
        let emails = emails::page(database, after, upto)
            .await
            .map_err(side.failed("summing up e-mail addresses"))?;
        let Some(last) = rows.last() else {
            return Ok(Sum {
                accounts,
                checksum: digest.finalize().into(),
            });
        };
        after = Some(last.id);
        for row in rows {
            let id = row.id;
            add(&mut digest, row);
            for email in emails.get(&id).into_iter().flatten() {
                emails::add(&mut digest, email);
            }
        }
    }
}
