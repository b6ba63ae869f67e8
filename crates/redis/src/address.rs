use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};
use url::Url;

/// Where a Redis is, and what lets us in. It does not print, since a password may be in it.
#[derive(Clone)]
pub enum Address {
    /// One server: `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS.
    Server(Box<ConnectionInfo>),
    /// Some nodes of a Cluster, which know the others: `redis+cluster://[user:password@]host[:port],host[:port]..`, or
    /// `rediss+cluster://`.
    Cluster(Vec<ConnectionInfo>),
    /// Some Sentinels, which know the primary:
    /// `redis+sentinel://[user:password@]host[:port],host[:port]../name[/database]`, or `rediss+sentinel://`. User and
    /// password are the servers'; `?sentinel_username=..&sentinel_password=..` are the Sentinels' own.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<ConnectionInfo>,
        /// What they call the primary and its replicas.
        primary: String,
        /// A server, but for its host and port: what lets us in.
        server: Box<ConnectionInfo>,
    },
}

/// It is in none of the forms of [`Address`].
#[derive(Debug)]
pub struct NotAnAddress;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Address {
    /// Reads a URL; see the variants. `timeout` is how long what was sent may stay without a sign of life.
    ///
    /// # Errors
    /// [`NotAnAddress`].
    pub fn parse(url: &str, timeout: Duration) -> Result<Self, NotAnAddress> {
        let (scheme, rest) = url.split_once("://").ok_or(NotAnAddress)?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(scheme, "redis" | "rediss") {
            return Err(NotAnAddress);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), authority),
        };
        let node = |login: &str, host: &str, port: u16, database: &str| {
            one(
                &format!("{scheme}://{login}{host}"),
                port,
                database,
                timeout,
            )
        };
        match kind {
            "" if query.is_empty() => Ok(Self::Server(Box::new(node(&login, hosts, PORT, path)?))),
            "cluster" if query.is_empty() && path.is_empty() => {
                let nodes = hosts.split(',').map(|host| node(&login, host, PORT, ""));
                nodes.collect::<Result<_, _>>().map(Self::Cluster)
            }
            "sentinel" => {
                let (primary, database) = path.split_once('/').unwrap_or((path, ""));
                if primary.is_empty() {
                    return Err(NotAnAddress);
                }
                let own = sentinel_login(query)?;
                let sentinels = hosts
                    .split(',')
                    .map(|host| node(&own, host, SENTINEL_PORT, ""));
                let server = node(&login, "localhost", PORT, database)?;
                Ok(Self::Sentinel {
                    sentinels: sentinels.collect::<Result<_, _>>()?,
                    primary: primary.to_owned(),
                    server: Box::new(server),
                })
            }
            _ => Err(NotAnAddress),
        }
    }
}

/// One node, by a URL that ends after its host or port.
fn one(
    url: &str,
    port: u16,
    database: &str,
    timeout: Duration,
) -> Result<ConnectionInfo, NotAnAddress> {
    let mut url = Url::parse(url).map_err(|_| NotAnAddress)?;
    let host = url.host_str().unwrap_or_default();
    let odd = host.is_empty() || host.contains(',') || url.port() == Some(0);
    if odd || !url.path().is_empty() {
        return Err(NotAnAddress);
    }
    if url.port().is_none() {
        url.set_port(Some(port)).map_err(|()| NotAnAddress)?;
    }
    url.set_path(database);
    let info = url.into_connection_info().map_err(|_| NotAnAddress)?;
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(timeout);
    Ok(info.set_tcp_settings(tcp))
}

/// What lets us in at the Sentinels, as it stands before a host.
fn sentinel_login(query: &str) -> Result<String, NotAnAddress> {
    let (mut user, mut password) = ("", "");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_username", text)) => user = text,
            Some(("sentinel_password", text)) => password = text,
            _ => return Err(NotAnAddress),
        }
    }
    if user.is_empty() && password.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("{user}:{password}@"))
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ConnectionAddr;

    fn parse(url: &str) -> Result<Address, NotAnAddress> {
        Address::parse(url, Duration::from_secs(1))
    }

    /// `host:port`, with `tls` before it where there is TLS.
    fn place(info: &ConnectionInfo) -> String {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("tls {host}:{port}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_server_may_have_a_password_a_port_and_a_database() {
        let Ok(Address::Server(server)) = parse("rediss://ada:p%40ss@db.example:7000/3") else {
            panic!("no server");
        };
        assert_eq!(place(&server), "tls db.example:7000");
        let settings = server.redis_settings();
        assert_eq!(settings.username(), Some("ada"));
        assert_eq!(settings.password(), Some("p@ss"));
        assert_eq!(settings.db(), 3);
        let Ok(Address::Server(server)) = parse("redis://[::1]") else {
            panic!("no server");
        };
        assert_eq!(
            (place(&server).as_str(), server.redis_settings().db()),
            ("::1:6379", 0)
        );
    }

    #[test]
    fn a_cluster_has_several_nodes_of_one_password() {
        let Ok(Address::Cluster(nodes)) = parse("redis+cluster://:pw@a:7000,b,[::1]:7002") else {
            panic!("no cluster");
        };
        let places: Vec<_> = nodes.iter().map(place).collect();
        assert_eq!(places, ["a:7000", "b:6379", "::1:7002"]);
        for node in nodes {
            assert_eq!(node.redis_settings().password(), Some("pw"));
        }
    }

    #[test]
    fn sentinels_have_a_login_of_their_own() {
        let url = "rediss+sentinel://ada:pw@a,b:7001/mymaster/2?sentinel_password=spw";
        let Ok(Address::Sentinel {
            sentinels, primary, ..
        }) = parse(url)
        else {
            panic!("no sentinels");
        };
        let places: Vec<_> = sentinels.iter().map(place).collect();
        assert_eq!(places, ["tls a:26379", "tls b:7001"]);
        assert_eq!(primary, "mymaster");
        assert_eq!(sentinels[0].redis_settings().password(), Some("spw"));
        assert_eq!(sentinels[0].redis_settings().username(), None);
    }

    #[test]
    fn nothing_else_is_an_address() {
        for url in [
            "",
            "redis",
            "redis:",
            "redis://",
            "redis:///0",
            "redis://a/x",
            "redis://a:99999",
            "redis://a:0",
            "redis://a,b",
            "redis://a?x=1",
            "redis+cluster://",
            "redis+cluster://a,,b",
            "redis+cluster://a/1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://a/m?password=x",
            "redis+sentinel:///m",
            "redis+other://a",
            "http://a",
            "unix:///run/redis.sock",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
