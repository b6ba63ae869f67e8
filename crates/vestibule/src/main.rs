//! The command line.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rocket::{Ignite, Rocket};
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tracing::warn;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use vestibule::audit::{self, AuditFailed};
use vestibule::config::Format;
use vestibule::events::{self, Recorder};
use vestibule::import::{self, ImportFailed};
use vestibule::unlock::{self, UnlockFailed};
use vestibule::{
    BadConfig, Config, Front, Signals, SystemClock, breach, claim_port, forbid_core_dumps, health,
    rocket, transfer,
};
use vestibule_domain::ports::Clock;
use vestibule_domain::{EventKind, RequestId};

/// Vestibule, the entrance hall for your app. Without a command it serves.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the pages (what happens without a command, too)
    Serve,
    /// Say what would be run with, secrets masked, and change nothing
    Check,
    /// Bring the database's schema up to date, and no more
    Migrate,
    /// Ask the instance that runs here whether visitors may come; 0 means yes
    Health,
    /// Copy the accounts from one database to another, SQLite or Postgres; sessions stay behind
    ///
    /// The configured database is meant where a URL is left out. Leave out the one with a password in it: others on this
    /// machine can see a command line, but not `VESTIBULE_DATABASE__URL`.
    Move {
        /// The database that has them
        #[arg(long, value_name = "URL", required_unless_present = "to")]
        from: Option<SecretString>,
        /// The database that gets them: an empty one, or the target of a move that was broken off
        #[arg(long, value_name = "URL")]
        to: Option<SecretString>,
    },
    /// Let browsers that an account does not know try its password again, after too many wrong ones
    Unlock {
        /// Whose account
        username: String,
    },
    /// Say what became of a request, by the code that its visitor was shown
    Explain {
        /// The code, such as 7k3q-9xw2-m4tz-0v5c
        request: String,
    },
    /// Look into the security events that are kept
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Work on the operator's own list of passwords that are known from leaks
    #[command(subcommand)]
    Breach(Breach),
    /// Take in the accounts of another program, with the passwords that people have there
    Import {
        /// The SQLite file of a Flask tutorial, with the table `user`
        #[arg(long, value_name = "FILE")]
        flask: PathBuf,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Find the first event that was changed or removed; 0 means that there is none
    Verify {
        /// A head that was noted down before, which has to be in the chain still
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

#[derive(Subcommand)]
enum Breach {
    /// Make the file for `passwords.breach_file` from a list of SHA-1 hashes, such as a download of Have I Been Pwned
    Build {
        /// The list: a hash in hexadecimal a line, sorted; what stands behind a colon is not looked at
        #[arg(value_name = "LIST")]
        list: PathBuf,
        /// Where the file is to be; where the config looks for it when left out
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// What is wrong with the config or the command line; 1 stands for the rest.
const BAD_CONFIG: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = run(cli.command.unwrap_or(Command::Serve));
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "vestibule: {error:#}");
    if error.is::<BadConfig>() {
        ExitCode::from(BAD_CONFIG)
    } else {
        ExitCode::FAILURE
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let config = Config::load()?;
    log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // What blocks is the judging of passwords, which is work: more at a time than cores gains nothing.
        .max_blocking_threads(available_parallelism().map_or(1, NonZero::get))
        .build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve => serve(config).await,
            Command::Check => check(&config).await,
            Command::Migrate => migrate(&config).await,
            Command::Health => health(&config),
            Command::Move { from, to } => move_accounts(&config, from.as_ref(), to.as_ref()).await,
            Command::Breach(Breach::Build { list, output }) => {
                build_breach_file(&config, &list, output.as_deref())
            }
            Command::Import { flask } => import(&config, &flask).await,
            Command::Unlock { username } => unlock(&config, &username).await,
            Command::Explain { request } => explain(&config, &request).await,
            Command::Audit(AuditCommand::Verify { head }) => verify(&config, head.as_deref()).await,
        }
    });
    // Whatever still runs has nobody to answer to.
    runtime.shutdown_background();
    outcome
}

fn log(config: &Config) {
    let level = config.log.level.as_str();
    let levels = EnvFilter::new(format!(
        "{level},rocket_dyn_templates=warn,hyper=error,sqlx=warn,sea_orm=warn,sea_orm_migration=warn"
    ));
    // Rocket tells about every request, address and all, and calls an ordinary 404 an error.
    let ours = filter_fn(|meta| {
        let target = meta.target();
        let theirs = target.starts_with("rocket::");
        let theirs_in_ours = target.starts_with("vestibule") && target.ends_with("::_");
        !theirs && !theirs_in_ours
    });
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match config.log.format {
        Format::Text => layer.with_ansi(io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(levels).with_filter(ours))
        .init();
}

async fn serve(mut config: Config) -> anyhow::Result<()> {
    if let Err(e) = forbid_core_dumps() {
        warn!("core dumps cannot be turned off: {e}");
    }
    let listener = claim_port(&mut config).await?;
    let rocket = rocket(&config, Arc::new(SystemClock)).await?;
    let rocket = rocket.ignite().await?;
    let keeping = Keeping::start(&config, &rocket).await?;
    let front = Front::new(rocket, &config).await?;
    let signals = Signals::new()?;
    // Serving goes on when nobody reads this.
    let _ = writeln!(io::stdout(), "Vestibule is open at {}", config.public_url());
    let served = front.serve(listener, signals).await;
    keeping.end().await;
    Ok(served?)
}

/// What goes on beside the serving: old events are pruned, and that an instance came and went is noted.
struct Keeping {
    recorder: Option<Arc<Recorder>>,
    pruning: JoinHandle<()>,
}

impl Keeping {
    /// How long the program may take to keep what it has recorded, once nobody is served any more.
    const LAST_WORDS: Duration = Duration::from_secs(3);

    async fn start(config: &Config, rocket: &Rocket<Ignite>) -> anyhow::Result<Self> {
        let recorder = rocket.state::<Arc<Recorder>>().cloned();
        let keeping = Self {
            recorder,
            pruning: tokio::spawn(events::prune(config).await?),
        };
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        keeping.note(EventKind::Started, version);
        Ok(keeping)
    }

    fn note(&self, kind: EventKind, facts: Vec<(&'static str, String)>) {
        if let Some(recorder) = &self.recorder {
            recorder.note(kind, SystemClock.now(), facts);
        }
    }

    async fn end(self) {
        self.pruning.abort();
        self.note(EventKind::Stopped, Vec::new());
        if let Some(recorder) = self.recorder {
            recorder.kept(Self::LAST_WORDS).await;
        }
    }
}

async fn check(config: &Config) -> anyhow::Result<()> {
    let rows = config.rows();
    let width = |of: fn(&vestibule::config::Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (keys, values) = (width(|row| row.key.len()), width(|row| row.value.len()));
    let mut out = io::stdout();
    for row in &rows {
        writeln!(
            out,
            "{:keys$}  {:values$}  {}",
            row.key, row.value, row.source
        )?;
    }
    // Printed first: whoever reads why it cannot run wants to see with what.
    writeln!(out, "\n{}", vestibule::check(config).await?)?;
    Ok(())
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    let steps = vestibule::migrate(config).await?;
    writeln!(
        io::stdout(),
        "The schema is up to date; {steps} steps were taken."
    )?;
    Ok(())
}

fn health(config: &Config) -> anyhow::Result<()> {
    let status = health::ask(config)?.context("no instance answers here")?;
    anyhow::ensure!(health::is_ready(&status), "not ready: {status}");
    writeln!(io::stdout(), "ready")?;
    Ok(())
}

async fn move_accounts(
    config: &Config,
    from: Option<&SecretString>,
    to: Option<&SecretString>,
) -> anyhow::Result<()> {
    let bar = bar()?;
    let progress = |done, total| show(&bar, done, total);
    let report = transfer::move_accounts(config, from, to, &progress).await;
    bar.finish_and_clear();
    let report = report?;
    write!(io::stdout(), "{report}")?;
    anyhow::ensure!(
        report.is_exact(),
        "one side changed while it was copied; stop what uses it and run this again"
    );
    Ok(())
}

async fn unlock(config: &Config, name: &str) -> anyhow::Result<()> {
    let username = unlock::unlock(config, name).await.map_err(|e| match e {
        UnlockFailed::Config(bad) => bad.into(),
        other => anyhow::Error::from(other),
    })?;
    writeln!(
        io::stdout(),
        "The password of {username} counts again from every browser."
    )?;
    Ok(())
}

async fn import(config: &Config, file: &Path) -> anyhow::Result<()> {
    let bar = bar()?;
    let progress = |done, total| show(&bar, done, total);
    let report = import::import(config, file, &progress).await;
    bar.finish_and_clear();
    let report = report.map_err(|e| match e {
        ImportFailed::Config(bad) => bad.into(),
        other => anyhow::Error::from(other),
    })?;
    write!(io::stdout(), "{report}")?;
    anyhow::ensure!(report.left_out.is_empty(), "some accounts were left out");
    Ok(())
}

async fn explain(config: &Config, request: &str) -> anyhow::Result<()> {
    let request = RequestId::parse(request)
        .context("that is no code of a request, such as 7k3q-9xw2-m4tz-0v5c")?;
    let explanation = audit::explain(config, request).await;
    let explanation = explanation.map_err(bad_config_or_other)?;
    write!(io::stdout(), "{explanation}")?;
    anyhow::ensure!(!explanation.is_empty(), "there is nothing to explain");
    Ok(())
}

async fn verify(config: &Config, head: Option<&str>) -> anyhow::Result<()> {
    let noted = head
        .map(|text| audit::head(text).context("that is no head: 64 hexadecimal digits are one"))
        .transpose()?;
    let found = audit::audit(config, noted.as_deref()).await;
    let found = found.map_err(bad_config_or_other)?;
    if let Some(fault) = found.fault {
        anyhow::bail!(
            "{fault}; {} events before it are as they were written",
            found.rows
        );
    }
    writeln!(io::stdout(), "{}", audit::told(&found))?;
    anyhow::ensure!(
        noted.is_none() || found.has_noted,
        "no event has the head that you noted: what came before it was changed, or pruned"
    );
    Ok(())
}

/// What is wrong with the config has an exit code of its own.
fn bad_config_or_other(error: AuditFailed) -> anyhow::Error {
    match error {
        AuditFailed::Config(bad) => bad.into(),
        AuditFailed::Outage(_) => error.into(),
    }
}

fn build_breach_file(config: &Config, list: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let bar = bar()?;
    let progress = |done, total| show(&bar, done, total);
    let outcome = breach::build(config, list, output, &progress);
    bar.finish_and_clear();
    let (file, built) = outcome?;
    writeln!(
        io::stdout(),
        "{} has {} hashes in {} bytes.",
        file.display(),
        built.entries,
        built.bytes
    )?;
    Ok(())
}

/// Drawn on standard error, where that is a terminal.
fn bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %, {eta} left")?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}
