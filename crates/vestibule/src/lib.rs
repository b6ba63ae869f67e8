//! Vestibule, put together: config, adapters, acts, pages.

mod acts;
pub mod admin;
pub mod audit;
pub mod breach;
mod clean_up;
mod clock;
pub mod config;
mod core_dumps;
mod events;
mod front;
pub mod health;
pub mod import;
pub mod log;
pub mod mail;
mod passwords;
mod secret_key;
mod stores;
pub mod transfer;
pub mod unlock;
mod warnings;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocket::config::{Ident, LogLevel};
use rocket::data::{Limits, ToByteUnit};
use rocket::figment::Figment;
use rocket::{Build, Rocket};
use tokio::net::TcpListener;
use tracing::warn;
use vestibule_domain::ports::{Attempts, Backend, Clock, Events};
use vestibule_domain::{EmailRule, Outage, Ready};
use vestibule_redis::{Redis, RedisAttempts, RedisSessions};
use vestibule_sql::{
    Place, Sql, SqlAttempts, SqlEmails, SqlEvents, SqlInvitations, SqlLinks, SqlOutbox,
    SqlSessions, SqlUsers,
};
use vestibule_web::{Judge, Keys, MethodAsSent, Pages, Proxies, Site};

use acts::Parts;
use config::Secrets;
use passwords::{passwords, policy};
use stores::{database, pending_migrations, place, redis, unusable};

pub use clean_up::clean_up_for_ever;
pub use clock::SystemClock;
pub use config::{BadConfig, Config};
pub use core_dumps::forbid_core_dumps;
pub use events::Recorder;
pub use front::{Front, Signals};

/// Vestibule, wired as `config` says and ready to launch. The schema is up to date by then.
///
/// # Errors
/// [`BadConfig`] when a key names what cannot be used: a database that does not open, a template that does not parse.
pub async fn rocket(config: &Config, clock: Arc<dyn Clock>) -> Result<Rocket<Build>, BadConfig> {
    let pages = pages(config)?;
    let passwords = passwords(config)?;
    let policy = policy(config)?;
    let mailer = Arc::new(mail::mailer(config)?);
    let settings = settings(config)?;
    check_secret_key(config)?;
    // What can be refused without a trace has been, by now.
    let sql = database(config).await?;
    let site = Site::new(&config.public_url(), keys(config)?);
    sql.migrate().await.map_err(|e| unusable(config, &e))?;
    let redis = redis(config).await?;
    warn_of(config, &site);

    let recorder = Recorder::start(SqlEvents(sql.clone()), Arc::clone(&clock));
    let mut backends: Vec<Arc<dyn Backend>> = vec![Arc::new(sql.clone())];
    backends.extend(redis.clone().map(|redis| redis as Arc<dyn Backend>));
    let attempts = attempts(&sql, redis.as_ref()).await;
    let parts = Parts {
        users: Arc::new(SqlUsers(sql.clone())),
        sessions: match redis {
            Some(redis) => Arc::new(RedisSessions::new(redis, config.sessions.replicas)),
            None => Arc::new(SqlSessions(sql.clone())),
        },
        passwords,
        emails: Arc::new(SqlEmails(sql.clone())),
        links: Arc::new(SqlLinks(sql.clone())),
        invitations: Arc::new(SqlInvitations(sql.clone())),
        outbox: Arc::new(SqlOutbox(sql.clone())),
        mailer,
        attempts: attempts.map_err(|e| unusable(config, &e))?,
        events: Arc::clone(&recorder) as Arc<dyn Events>,
        history: Arc::new(SqlEvents(sql.clone())),
        clock: Arc::clone(&clock),
    };
    let leave = Arc::new(parts.leave(config));
    let clean_up = clean_up::clean_up(config, &sql, Arc::clone(&leave), Arc::clone(&clock));

    Ok(parts
        .acts(config, rocket::custom(settings), leave)
        .manage(Arc::new(clean_up))
        .manage(site)
        .manage(Proxies::new(config.server.trusted_proxies.clone()))
        .manage(Ready { backends })
        .manage(Judge::new(policy))
        .manage(recorder)
        .manage(clock)
        .manage(pages.static_files())
        .attach(pages.fairing())
        .attach(MethodAsSent)
        .attach(vestibule_web::headers())
        .attach(vestibule_web::request_ids())
        .mount("/", vestibule_web::routes())
        .register("/", vestibule_web::catchers()))
}

/// Attempts are counted where sessions are kept.
async fn attempts(sql: &Sql, redis: Option<&Arc<Redis>>) -> Result<Arc<dyn Attempts>, Outage> {
    Ok(match redis {
        Some(redis) => Arc::new(RedisAttempts::new(Arc::clone(redis), sql.site().await?)),
        None => Arc::new(SqlAttempts(sql.clone())),
    })
}

/// Whether `config` can be run with, without running: the pages are parsed, and stores that are there are asked. What it
/// says is for the operator.
///
/// # Errors
/// [`BadConfig`], as [`rocket()`] would have it.
pub async fn check(config: &Config) -> Result<String, BadConfig> {
    pages(config)?;
    passwords(config)?;
    policy(config)?;
    mail::mailer(config)?;
    check_secret_key(config)?;
    let steps = pending_migrations(config).await?;
    let database = match (steps, place(config)?) {
        (_, Place::Memory) => {
            "The database is in memory, and gone when the program ends.".to_owned()
        }
        (_, Place::File { path, .. }) if !path.exists() => {
            "The database is made on the first run.".to_owned()
        }
        (0, _) => "The database answers, and its schema is up to date.".to_owned(),
        (steps, _) => format!("The database answers; its schema is {steps} steps behind."),
    };
    Ok(match redis(config).await? {
        Some(_) => format!("{database}\nThe Redis of the sessions answers."),
        None => database,
    })
}

/// Takes the steps that bring the schema up to date, and says how many there were.
///
/// # Errors
/// [`BadConfig`] when the database cannot be used.
pub async fn migrate(config: &Config) -> Result<usize, BadConfig> {
    let steps = pending_migrations(config).await?;
    let sql = database(config).await?;
    sql.migrate().await.map_err(|e| unusable(config, &e))?;
    Ok(steps)
}

fn pages(config: &Config) -> Result<Pages, BadConfig> {
    Pages::load(config.server.templates.as_deref()).map_err(|e| {
        config.bad(
            "server.templates",
            format!("unusable ({e})"),
            "a folder of templates that can be read",
        )
    })
}

/// Listens, before anything else is touched: on a free port where the port is 0, which is written into `config`. Nobody is
/// let in before [`Front::serve`].
///
/// # Errors
/// [`BadConfig`] when nobody can listen there.
pub async fn claim_port(config: &mut Config) -> Result<TcpListener, BadConfig> {
    let claimed = TcpListener::bind((config.server.address, config.server.port)).await;
    match claimed.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => {
            config.server.port = address.port();
            Ok(listener)
        }
        Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => {
            let what = format!("{} ({e})", config.server.address);
            Err(config.bad("server.address", what, "an address of this machine"))
        }
        Err(e) => {
            let what = format!("{} ({e})", config.server.port);
            Err(config.bad(
                "server.port",
                what,
                "a port that is free and may be listened on",
            ))
        }
    }
}

fn keys(config: &Config) -> Result<Keys, BadConfig> {
    let Secrets { first, older } = match &config.secret_key {
        Some(secrets) => secrets.clone(),
        None => secret_key::keep(folder(config)?.as_deref()).map_err(|e| bad_key(config, &e))?,
    };
    Ok(Keys::new(first, older))
}

fn check_secret_key(config: &Config) -> Result<(), BadConfig> {
    match folder(config)? {
        Some(folder) if config.secret_key.is_none() => {
            secret_key::check(&folder).map_err(|e| bad_key(config, &e))
        }
        _ => Ok(()),
    }
}

/// Where the database is, and the key beside it.
fn folder(config: &Config) -> Result<Option<PathBuf>, BadConfig> {
    Ok(match place(config)? {
        Place::File { path, .. } => path.parent().map(Path::to_owned),
        Place::Memory | Place::Server => None,
    })
}

fn bad_key(config: &Config, why: &io::Error) -> BadConfig {
    config.bad(
        "secret_key",
        format!("unset, and none can be kept beside the database ({why})"),
        "a text of at least 32 characters, or a file for this user's eyes alone",
    )
}

fn warn_of(config: &Config, site: &Site) {
    for warning in warnings::of_stores(config) {
        warn!("{warning}");
    }
    if config.passwords.min_length < 15 {
        warn!(
            "passwords.min_length is {}: NIST SP 800-63B-4 asks for 15 where the password is the only factor",
            config.passwords.min_length
        );
    }
    if !site.is_secure() {
        warn!(
            "server.public_url is plain http: whoever listens on the way can take over what visitors do; put a proxy \
             with TLS in front"
        );
    }
    if config.server.trusted_proxies.is_empty() && config.public_url().scheme() == "https" {
        warn!(
            "server.public_url is https, so a proxy stands in front, but server.trusted_proxies is unset: visitors are \
             taken for one, with the proxy's address, until it is that address"
        );
    }
    if config.mail.url.is_none() && config.accounts.email != EmailRule::Off {
        warn!(
            "mail.url is unset, so mail reaches nobody: each is written to a file in {}",
            config.mail.folder.display()
        );
    }
    if config.server.public_url.is_none() && !config.server.address.is_loopback() {
        warn!(
            "server.address is open to other machines, but server.public_url is unset: browsers there cannot sign in \
             until it is the address that they use"
        );
    }
}

/// Rocket's settings, all of them from our config: no `Rocket.toml`, no `ROCKET_` variable.
fn settings(config: &Config) -> Result<Figment, BadConfig> {
    let settings = rocket::Config {
        address: config.server.address,
        port: config.server.port,
        // Its default believes an address that any client writes into a header.
        ip_header: None,
        ident: Ident::none(),
        // Our forms have a limit of their own, and nothing else reads a body.
        limits: Limits::new()
            .limit("form", 16.kibibytes())
            .limit("data-form", 16.kibibytes())
            .limit("file", 0.bytes())
            .limit("json", 0.bytes())
            .limit("msgpack", 0.bytes()),
        log_level: LogLevel::Off,
        cli_colors: false,
        ..rocket::Config::release_default()
    };
    // A file that is there and is no template: see `Pages::fairing`.
    let program = std::env::current_exe().map_err(|e| {
        config.bad(
            "server.templates",
            format!("unusable ({e})"),
            "a program that finds itself",
        )
    })?;
    Ok(Figment::from(settings).merge(("template_dir", program)))
}
