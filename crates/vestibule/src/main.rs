//! The command line.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use vestibule::import::{self, ImportFailed};
use vestibule::transfer;
use vestibule::{BadConfig, Config, Front, Signals, SystemClock, claim_port, health, rocket};

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
    /// Take in the accounts of another program, with the passwords that people have there
    Import {
        /// The SQLite file of a Flask tutorial, with the table `user`
        #[arg(long, value_name = "FILE")]
        flask: PathBuf,
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
            Command::Import { flask } => import(&config, &flask).await,
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
    tracing_subscriber::registry()
        .with(levels)
        .with(ours)
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(io::stderr().is_terminal())
                .with_writer(io::stderr),
        )
        .init();
}

async fn serve(mut config: Config) -> anyhow::Result<()> {
    let listener = claim_port(&mut config).await?;
    let rocket = rocket(&config, Arc::new(SystemClock)).await?;
    let front = Front::new(rocket.ignite().await?, &config).await?;
    let signals = Signals::new()?;
    // Serving goes on when nobody reads this.
    let _ = writeln!(io::stdout(), "Vestibule is open at {}", config.public_url());
    front.serve(listener, signals).await?;
    Ok(())
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

/// Drawn on standard error, where that is a terminal.
fn bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %, {eta} left")?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}
