//! The command line.

use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use tracing::warn;
use vestibule::admin::{self, AdminFailed, InvitationCommand, SessionCommand, UserCommand};
use vestibule::import::{self, ImportFailed};
use vestibule::mail::{self, TestFailed};
use vestibule::unlock;
use vestibule::{
    BadConfig, Config, Front, Recorder, Signals, SystemClock, audit, breach, claim_port,
    clean_up_for_ever, forbid_core_dumps, health, log, rocket, transfer,
};
use vestibule_domain::{CleanUp, RequestId, SendMail};
use vestibule_sql::audit::Head;

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
    /// Look after the kept security events
    Audit {
        #[command(subcommand)]
        what: Audit,
    },
    /// Tell what happened in answer to a request, and why, by the code that its page showed
    Explain {
        /// The code, such as 0f3k-9m2c-77qa-xz10
        request: String,
    },
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
    /// Look after accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Look after invitations to make an account
    #[command(subcommand)]
    Invitation(InvitationCommand),
    /// Look after sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// See whether mail goes out
    #[command(subcommand)]
    Mail(Mail),
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
enum Audit {
    /// Say whether any of them was changed or removed, and which is the first
    Verify {
        /// A head that was noted earlier: it has to be in the chain still
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
    },
}

#[derive(Subcommand)]
enum Mail {
    /// Send a mail that only says that mail arrives, and say what the server answered
    Test {
        /// Where to
        address: String,
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
    log::start(&config);
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
            Command::Audit {
                what: Audit::Verify { head },
            } => verify(&config, head.as_deref()).await,
            Command::Explain { request } => explain(&config, &request).await,
            Command::Health => health(&config),
            Command::Move { from, to } => move_accounts(&config, from.as_ref(), to.as_ref()).await,
            Command::Breach(Breach::Build { list, output }) => {
                build_breach_file(&config, &list, output.as_deref())
            }
            Command::Import { flask } => import(&config, &flask).await,
            Command::User(command) => tell(admin::user(&config, command).await),
            Command::Invitation(command) => tell(admin::invitation(&config, command).await),
            Command::Session(command) => tell(admin::session(&config, command).await),
            Command::Mail(Mail::Test { address }) => test_mail(&config, &address).await,
            Command::Unlock { username } => unlock(&config, &username).await,
        }
    });
    // Whatever still runs has nobody to answer to.
    runtime.shutdown_background();
    outcome
}

async fn serve(mut config: Config) -> anyhow::Result<()> {
    if let Err(e) = forbid_core_dumps() {
        warn!("core dumps cannot be turned off: {e}");
    }
    let listener = claim_port(&mut config).await?;
    let rocket = rocket(&config, Arc::new(SystemClock)).await?;
    let rocket = rocket.ignite().await?;
    let recorder = rocket.state::<Arc<Recorder>>().cloned();
    if let Some(send) = rocket.state::<Arc<SendMail>>() {
        tokio::spawn(mail::send_for_ever(Arc::clone(send)));
    }
    if let Some(clean_up) = rocket.state::<Arc<CleanUp>>() {
        tokio::spawn(clean_up_for_ever(Arc::clone(clean_up)));
    }
    let front = Front::new(rocket, &config).await?;
    let signals = Signals::new()?;
    if let Some(recorder) = &recorder {
        recorder.started();
    }
    // Serving goes on when nobody reads this.
    let _ = writeln!(io::stdout(), "Vestibule is open at {}", config.public_url());
    let served = front.serve(listener, signals).await;
    if let Some(recorder) = recorder {
        recorder.stopped().await;
    }
    Ok(served?)
}

async fn verify(config: &Config, head: Option<&str>) -> anyhow::Result<()> {
    let head = head
        .map(|text| {
            Head::parse(text)
                .context("--head is no head: it looks like 17:5f0e.., as `audit verify` prints it")
        })
        .transpose()?;
    let told = audit::verify_events(config, head.as_ref()).await??;
    writeln!(io::stdout(), "{told}")?;
    Ok(())
}

async fn explain(config: &Config, request: &str) -> anyhow::Result<()> {
    let request = RequestId::parse(request).context(
        "that is no code of a request: it has 16 letters and digits, such as 0f3k-9m2c-77qa-xz10",
    )?;
    let told = audit::explain(config, request).await?;
    let told = told.with_context(|| {
        format!("nothing is kept of the request {request}: it did nothing of note, or was pruned")
    })?;
    write!(io::stdout(), "{told}")?;
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

async fn unlock(config: &Config, name: &str) -> anyhow::Result<()> {
    let unlocked = unlock::unlock(config, name).await;
    tell(
        unlocked.map(|username| {
            format!("The password of {username} counts again from every browser.\n")
        }),
    )
}

/// Prints what an administrator's command has to say.
fn tell(outcome: Result<String, AdminFailed>) -> anyhow::Result<()> {
    let told = outcome.map_err(|e| match e {
        AdminFailed::Config(bad) => bad.into(),
        other => anyhow::Error::from(other),
    })?;
    write!(io::stdout(), "{told}")?;
    Ok(())
}

async fn test_mail(config: &Config, address: &str) -> anyhow::Result<()> {
    let answer = mail::test(config, address).await.map_err(|e| match e {
        TestFailed::Config(bad) => bad.into(),
        other => anyhow::Error::from(other),
    })?;
    writeln!(io::stdout(), "{answer}")?;
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
