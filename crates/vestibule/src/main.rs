//! The command line.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use rocket::fairing::AdHoc;
use tracing_subscriber::EnvFilter;
use vestibule::{BadConfig, Config, SystemClock, claim_port, database, rocket, unusable};

/// Vestibule, the entrance hall for your app. Without a command it serves.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Serve the pages (what happens without a command, too)
    Serve,
    /// Say what would be run with, secrets masked, and change nothing
    Check,
    /// Bring the database's schema up to date, and no more
    Migrate,
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
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve(config).await,
            Command::Check => check(&config).await,
            Command::Migrate => migrate(&config).await,
        }
    })
}

fn log(config: &Config) {
    // Rocket and its parts tell about every request; of them, only what goes wrong.
    let level = config.log.level.as_str();
    let filter = format!(
        "{level},rocket=error,_=error,hyper=error,sqlx=warn,sea_orm=warn,sea_orm_migration=warn"
    );
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

async fn serve(mut config: Config) -> anyhow::Result<()> {
    claim_port(&mut config)?;
    let welcome = format!("Vestibule is open at {}", config.public_url());
    rocket(&config, Arc::new(SystemClock))
        .await?
        .attach(AdHoc::on_liftoff("Welcome", |_| {
            Box::pin(async move {
                // Serving goes on when nobody reads this.
                let _ = writeln!(io::stdout(), "{welcome}");
            })
        }))
        .launch()
        .await?;
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
    let sql = database(config).await?;
    let steps = sql
        .pending_migrations()
        .await
        .map_err(|e| unusable(config, &e))?;
    sql.migrate().await.map_err(|e| unusable(config, &e))?;
    writeln!(
        io::stdout(),
        "The schema is up to date; {steps} steps were taken."
    )?;
    Ok(())
}
