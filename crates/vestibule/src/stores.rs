//! The stores that the config names, and what is wrong with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use vestibule_domain::Outage;
use vestibule_domain::ports::Backend;
use vestibule_redis::{Address, Redis};
use vestibule_sql::{Place, Sql};

use crate::{BadConfig, Config};

pub(crate) async fn database(config: &Config) -> Result<Sql, BadConfig> {
    Sql::connect(
        config.database.url.expose_secret(),
        &config.database.options(),
    )
    .await
    .map_err(|e| unusable(config, &e))
}

/// The Redis of the sessions, where there is one, as soon as it answers: it may still be starting.
pub(crate) async fn redis(config: &Config) -> Result<Option<Arc<Redis>>, BadConfig> {
    const PAUSE: Duration = Duration::from_millis(100);
    let Some(url) = &config.sessions.url else {
        return Ok(None);
    };
    let timeout = config.sessions.timeout;
    let address = Address::parse(url.expose_secret(), timeout).map_err(|_| {
        config.bad(
            "sessions.url",
            "something else",
            "a redis:, redis+cluster: or redis+sentinel: URL",
        )
    })?;
    let redis = Redis::new(address, timeout);
    let deadline = Instant::now() + config.database.connect_timeout;
    loop {
        match redis.ping().await {
            Ok(()) => return Ok(Some(Arc::new(redis))),
            Err(_) if Instant::now() + PAUSE < deadline => tokio::time::sleep(PAUSE).await,
            Err(e) => {
                return Err(config.bad(
                    "sessions.url",
                    format!("a Redis that cannot be used ({})", e.chain()),
                    "one that answers",
                ));
            }
        }
    }
}

pub(crate) async fn pending_migrations(config: &Config) -> Result<usize, BadConfig> {
    vestibule_sql::pending_migrations(
        config.database.url.expose_secret(),
        &config.database.options(),
    )
    .await
    .map_err(|e| unusable(config, &e))
}

pub(crate) fn place(config: &Config) -> Result<Place, BadConfig> {
    config.place().map_err(|e| unusable(config, &e))
}

/// The sentence for a database that does not do what it should.
pub(crate) fn unusable(config: &Config, outage: &Outage) -> BadConfig {
    config.bad(
        "database.url",
        format!("a database that cannot be used ({})", outage.chain()),
        "one that can be opened, read and written",
    )
}
