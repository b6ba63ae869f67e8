use sea_orm::sqlx::types::Uuid;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use vestibule_domain::Outage;

/// Makes a database of its own for a test, at the Postgres server that a URL names; the URL that leads there. It goes
/// with the server.
///
/// # Errors
/// [`Outage`] when the server makes none.
pub async fn create_database(url: &str) -> Result<String, Outage> {
    const DURING: &str = "making a database for a test";
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let server = Database::connect(options)
        .await
        .map_err(Outage::during(DURING))?;
    server
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .map_err(Outage::during(DURING))?;
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    Ok(format!("{scheme}://{host}/{name}"))
}
