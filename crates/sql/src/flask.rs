//! The accounts in the SQLite file of a Flask tutorial: read, never changed.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Row, SqliteConnection};
use sea_orm::sqlx::{query, query_scalar};
use thiserror::Error as ThisError;
use vestibule_domain::Outage;

/// The table `user` (or `users`) with the columns `id`, `username` and `password_hash` (or `password`), of an open file.
///
/// Source of the names: Flask's own tutorial has `user.password`, the Flask Mega-Tutorial `user.password_hash`.
pub struct FlaskUsers {
    connection: SqliteConnection,
    file: PathBuf,
    /// What the file was when it was opened, if nobody else was to change it meanwhile.
    unchanged: Option<(u64, SystemTime)>,
    columns: String,
    count: u64,
    /// Where the next page starts; `None` past the last.
    next: Option<i64>,
}

/// A row of that table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaskUser {
    /// Its id; where that is no number, the number of the row.
    pub id: i64,
    /// The username, with all that a terminal should not see escaped.
    pub shown: String,
    /// Username and hash, as they are.
    pub account: Result<(String, String), Unreadable>,
}

/// Why a row is no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub enum Unreadable {
    /// There is nothing, or no text.
    #[error("Its {0} is no text.")]
    NoText(&'static str),
    /// More than 1024 bytes.
    #[error("Its {0} has more than {MAX_BYTES} bytes.")]
    TooLong(&'static str),
    /// Bytes that stand for no characters.
    #[error("Its {0} is not UTF-8.")]
    NotUtf8(&'static str),
}

/// Why a file's accounts cannot be read, as the end of a sentence that starts with the file's name.
#[derive(Debug, ThisError)]
pub enum FlaskError {
    /// No such file.
    #[error("is not there")]
    Missing,
    /// It cannot be opened, or is a folder.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// It is something else.
    #[error("is no SQLite database")]
    NotADatabase,
    /// None of the tables.
    #[error("has no table `user`")]
    NoTable,
    /// The table is another one.
    #[error("has a table `{0}` without the columns id, username and password_hash or password")]
    NoColumns(&'static str),
    /// Its text is in UTF-16.
    #[error("keeps its text in {0}, and only UTF-8 can be read")]
    Encoding(String),
    /// Somebody started to use it.
    #[error("was changed while it was read; stop what uses it, then run this again")]
    Changed,
    /// It broke off.
    #[error("cannot be read: {}", .0.chain())]
    Outage(#[from] Outage),
}

/// Rows in a page: small enough to hold whatever is in them.
const PAGE: usize = 500;

/// The most bytes of a username or a hash that are looked at. Both are far shorter.
const MAX_BYTES: usize = 1024;

/// The most characters of a name that are shown.
const MAX_SHOWN: usize = 64;

impl FlaskUsers {
    /// Opens `file`. Nothing is made beside it either, unless it is in use in SQLite's mode WAL: then SQLite's own files
    /// are there already.
    ///
    /// # Errors
    /// [`FlaskError`].
    pub async fn open(file: &Path) -> Result<Self, FlaskError> {
        let (metadata, in_wal_mode) = look(file)?;
        // To read a file in mode WAL, SQLite makes two more beside it, which would stand in the way of the file's owner. Not
        // so when it may take for granted that nobody writes.
        let unused = in_wal_mode && !wal_of(file).exists();
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .create_if_missing(false)
            .immutable(unused)
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(failed)?;
        let encoding: String = query_scalar("PRAGMA encoding")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if encoding != "UTF-8" {
            return Err(FlaskError::Encoding(encoding));
        }
        let (table, hash) = find_table(&mut connection).await?;
        let count: i64 = query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\"")))
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        Ok(Self {
            connection,
            file: file.to_owned(),
            unchanged: unused.then(|| mark(&metadata)).flatten(),
            columns: format!(
                "SELECT rowid, CASE typeof(id) WHEN 'integer' THEN id ELSE rowid END, \
                 typeof(username), substr(CAST(username AS BLOB), 1, {more}), \
                 typeof(\"{hash}\"), substr(CAST(\"{hash}\" AS BLOB), 1, {more}) \
                 FROM \"{table}\" WHERE rowid >= ? ORDER BY rowid LIMIT {PAGE}",
                more = MAX_BYTES + 1,
            ),
            count: count.unsigned_abs(),
            next: Some(i64::MIN),
        })
    }

    /// How many rows there were when the file was opened.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The next rows, in the order of their ids; none at the end.
    ///
    /// # Errors
    /// [`FlaskError::Changed`], [`FlaskError::NotADatabase`] when the file is damaged, or [`FlaskError::Outage`].
    pub async fn page(&mut self) -> Result<Vec<FlaskUser>, FlaskError> {
        let Some(start) = self.next else {
            return Ok(Vec::new());
        };
        let rows = query(AssertSqlSafe(self.columns.clone()))
            .bind(start)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        if self.unchanged.is_some() {
            let now = std::fs::metadata(&self.file).map_err(FlaskError::Unreadable)?;
            if mark(&now) != self.unchanged || wal_of(&self.file).exists() {
                return Err(FlaskError::Changed);
            }
        }
        self.next = match rows.last() {
            Some(last) if rows.len() == PAGE => {
                last.try_get::<i64, _>(0).map_err(failed)?.checked_add(1)
            }
            _ => None,
        };
        rows.iter().map(user).collect()
    }
}

/// What is known of `file` before SQLite sees it, and whether it is in mode WAL.
fn look(file: &Path) -> Result<(Metadata, bool), FlaskError> {
    /// Source: the SQLite file format, section 1.3: 16 bytes that say what it is; the byte at 18 is 2 in mode WAL.
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const WAL_AT: usize = 18;

    let opened = File::open(file).map_err(|e| match e.kind() {
        ErrorKind::NotFound => FlaskError::Missing,
        _ => FlaskError::Unreadable(e),
    })?;
    let metadata = opened.metadata().map_err(FlaskError::Unreadable)?;
    if !metadata.is_file() {
        return Err(FlaskError::NotADatabase);
    }
    let mut header = Vec::new();
    opened
        .take(100)
        .read_to_end(&mut header)
        .map_err(FlaskError::Unreadable)?;
    if header.is_empty() {
        return Err(FlaskError::NoTable);
    }
    if !header.starts_with(MAGIC) {
        return Err(FlaskError::NotADatabase);
    }
    Ok((metadata, header.get(WAL_AT) == Some(&2)))
}

fn wal_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push("-wal");
    name.into()
}

fn mark(metadata: &Metadata) -> Option<(u64, SystemTime)> {
    Some((metadata.len(), metadata.modified().ok()?))
}

/// The table, and its column for hashes.
async fn find_table(
    connection: &mut SqliteConnection,
) -> Result<(&'static str, &'static str), FlaskError> {
    let mut found = FlaskError::NoTable;
    for table in ["user", "users"] {
        let names: Vec<String> = query_scalar(
            "SELECT lower(c.name) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND lower(t.name) = ?",
        )
        .bind(table)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
        if names.is_empty() {
            continue;
        }
        let has = |column: &str| names.iter().any(|name| name == column);
        let hash = ["password_hash", "password"]
            .into_iter()
            .find(|column| has(column));
        match hash {
            Some(hash) if has("id") && has("username") => return Ok((table, hash)),
            _ => found = FlaskError::NoColumns(table),
        }
    }
    Err(found)
}

fn user(row: &SqliteRow) -> Result<FlaskUser, FlaskError> {
    let kind = |index| row.try_get::<String, _>(index).map_err(failed);
    let bytes = |index| {
        row.try_get::<Option<Vec<u8>>, _>(index)
            .map(Option::unwrap_or_default)
            .map_err(failed)
    };
    let name = bytes(3)?;
    let shown = show(&name);
    let text = |what, kind: &str, bytes: Vec<u8>| match kind {
        "text" if bytes.len() > MAX_BYTES => Err(Unreadable::TooLong(what)),
        "text" => String::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8(what)),
        _ => Err(Unreadable::NoText(what)),
    };
    let name = text("username", &kind(2)?, name);
    let hash = text("password hash", &kind(4)?, bytes(5)?);
    Ok(FlaskUser {
        id: row.try_get(1).map_err(failed)?,
        shown,
        account: name.and_then(|name| Ok((name, hash?))),
    })
}

fn show(name: &[u8]) -> String {
    let shown: String = match std::str::from_utf8(name) {
        Ok(text) => text.escape_debug().take(MAX_SHOWN + 1).collect(),
        Err(_) => name
            .escape_ascii()
            .map(char::from)
            .take(MAX_SHOWN + 1)
            .collect(),
    };
    match shown.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &shown[..end]),
        None => shown,
    }
}

fn failed(error: Error) -> FlaskError {
    /// Source: <https://sqlite.org/rescode.html>: `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    const BROKEN: [&str; 2] = ["11", "26"];
    match error.as_database_error().and_then(DatabaseError::code) {
        Some(code) if BROKEN.contains(&&*code) => FlaskError::NotADatabase,
        _ => Outage::during("reading the accounts")(error).into(),
    }
}

#[cfg(test)]
mod fuzz;
