use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError};
use tokio::task::JoinSet;

/// Host and port.
pub(crate) type Place = (String, u16);

/// Where the primary is; `None` when no Sentinel knows. Of what most Sentinels say, the newest is taken: one that was
/// frozen or cut off tells of a primary that is none any more. Nobody is waited for longer than `timeout`.
pub(crate) async fn primary(
    sentinels: &[ConnectionInfo],
    name: &str,
    timeout: Duration,
) -> Option<Place> {
    let mut asked = JoinSet::new();
    for sentinel in sentinels {
        let said = said_by(sentinel.clone(), name.to_owned());
        asked.spawn(tokio::time::timeout(timeout, said));
    }
    let mut newest: Option<(u64, Place)> = None;
    let mut answers = 0;
    while answers <= sentinels.len() / 2
        && let Some(answer) = asked.join_next().await
    {
        let Ok(Ok(Ok(Some(said)))) = answer else {
            continue;
        };
        answers += 1;
        if newest.as_ref().is_none_or(|newest| newest.0 < said.0) {
            newest = Some(said);
        }
    }
    newest.map(|(_, place)| place)
}

/// What one Sentinel says, and how new that is.
async fn said_by(
    sentinel: ConnectionInfo,
    name: String,
) -> Result<Option<(u64, Place)>, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let client = Client::open(sentinel)?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("MASTER").arg(name);
    let mut said: HashMap<String, String> = command.query_async(&mut connection).await?;
    let number = |key| said.get(key)?.parse().ok();
    let (epoch, port) = (number("config-epoch"), number("port"));
    let port = port.and_then(|port| u16::try_from(port).ok());
    Ok(epoch
        .zip(said.remove("ip"))
        .zip(port)
        .map(|((epoch, host), port)| (epoch, (host, port))))
}

/// A connection to the primary at `place`, which `server` lets us in at.
pub(crate) async fn connect(
    server: &ConnectionInfo,
    place: Place,
    config: &AsyncConnectionConfig,
) -> Result<MultiplexedConnection, RedisError> {
    let (host, port) = place;
    let address = match server.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    let client = Client::open(server.clone().set_addr(address))?;
    client
        .get_multiplexed_async_connection_with_config(config)
        .await
}
