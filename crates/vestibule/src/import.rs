//! Taking in the accounts of a Flask tutorial.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use vestibule_domain::{Import, ImportError, Imported, Outage};
use vestibule_sql::flask::{FlaskError, FlaskUsers};
use vestibule_sql::{Place, SqlUsers};

use crate::{BadConfig, Config, SystemClock};

/// What came of an import. It prints as a table for the operator, without anything secret or harmful to a terminal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many accounts came in.
    pub new: u64,
    /// How many had come in before.
    pub already: u64,
    /// All the others.
    pub left_out: Vec<LeftOut>,
}

/// An account that did not come in.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id there.
    pub id: i64,
    /// Its name there, escaped.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Why an import broke off. What had come in stays; it can be run again.
#[derive(Debug, Error)]
pub enum ImportFailed {
    /// The configured database cannot be used.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// The file cannot be read.
    #[error("{} {why}", .file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        why: FlaskError,
    },
    /// The configured database stopped answering.
    #[error("{}", .0.chain())]
    Outage(#[from] Outage),
}

/// Takes the accounts in `file` into the configured database. `progress` is told how much of how much is done.
///
/// # Errors
/// [`ImportFailed`]; nothing was made or changed when the file is no good.
pub async fn import(
    config: &Config,
    file: &Path,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Report, ImportFailed> {
    let failed = |why| ImportFailed::File {
        file: file.to_owned(),
        why,
    };
    let mut rows = FlaskUsers::open(file).await.map_err(failed)?;
    if crate::stores::place(config)? == Place::Memory {
        let what = "a database in memory, which nobody else can see";
        return Err(config.bad("database.url", what, "one that stays").into());
    }
    let passwords = crate::passwords(config)?;
    let sql = crate::stores::database(config).await?;
    sql.migrate()
        .await
        .map_err(|e| crate::stores::unusable(config, &e))?;
    let import = Import {
        users: Arc::new(SqlUsers(sql)),
        passwords,
        clock: Arc::new(SystemClock),
    };

    let (total, mut done) = (rows.count(), 0);
    let mut report = Report::default();
    loop {
        let page = rows.page().await.map_err(failed)?;
        if page.is_empty() {
            return Ok(report);
        }
        for row in page {
            let reason = match row.account {
                Err(unreadable) => Some(unreadable.to_string()),
                Ok((name, hash)) => match import.account(&name, &hash).await {
                    Ok(Imported::New) => {
                        report.new += 1;
                        None
                    }
                    Ok(Imported::Already) => {
                        report.already += 1;
                        None
                    }
                    Err(ImportError::Outage(outage)) => return Err(outage.into()),
                    Err(unfit) => Some(unfit.to_string()),
                },
            };
            report.left_out.extend(reason.map(|reason| LeftOut {
                id: row.id,
                name: row.shown,
                reason,
            }));
            done += 1;
            progress(done, total);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "came in         {}\nthere already   {}\nleft out        {}",
            self.new,
            self.already,
            self.left_out.len()
        )?;
        if self.left_out.is_empty() {
            return Ok(());
        }
        let width = |title: &str, of: fn(&LeftOut) -> usize| {
            let most = self.left_out.iter().map(of).max().unwrap_or(0);
            most.max(title.len())
        };
        let id = width("id", |row| row.id.to_string().len());
        let name = width("name", |row| row.name.chars().count());
        writeln!(f, "\n{:>id$}  {:name$}  left out because", "id", "name")?;
        for row in &self.left_out {
            writeln!(f, "{:>id$}  {:name$}  {}", row.id, row.name, row.reason)?;
        }
        Ok(())
    }
}
