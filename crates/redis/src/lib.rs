//! Sessions for many instances, in Redis: one server, a Cluster, or whichever server Sentinel has made the primary.

mod address;
mod sessions;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture,
    Value,
};
use vestibule_domain::Outage;
use vestibule_domain::ports::Backend;

pub use address::{Address, NotAnAddress};
pub use sessions::RedisSessions;

/// A Redis. It is connected to when it is first asked, and again whenever a connection has broken: an outage of Redis
/// lasts as long as Redis is out.
pub struct Redis {
    address: Address,
    /// How long an answer may take, connecting included.
    timeout: Duration,
    held: Mutex<Held>,
    /// One connects, the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

/// The connection that all requests share.
#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    /// How many connections there were before: tells whether the one that broke is the one that is held.
    number: usize,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Nothing is asked yet. Nobody waits for an answer for longer than `timeout`.
    pub fn new(address: Address, timeout: Duration) -> Self {
        Self {
            address,
            timeout,
            held: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// The answers to commands that may be sent twice: what comes too late, or breaks off, may have been done.
    async fn ask<T: FromRedisValue>(
        &self,
        during: &'static str,
        commands: &Pipeline,
    ) -> Result<T, Outage> {
        let answer = tokio::time::timeout(self.timeout, self.ask_twice(commands)).await;
        if answer.is_err()
            && let Address::Server(_) | Address::Sentinel { .. } = self.address
        {
            // It may be frozen, or cut off; the next who asks had better look for it anew.
            self.held().connection = None;
        }
        answer
            .unwrap_or_else(|_| Err(silence(self.timeout)))
            .map_err(Outage::during(during))
    }

    /// A connection may have broken while nobody used it: that is no reason to give up.
    async fn ask_twice<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, RedisError> {
        let (connection, number, fresh) = self.connection().await?;
        match self.ask_once(connection, number, commands).await {
            Err(e) if !fresh && !e.is_timeout() => {
                let (connection, number, _) = self.connection().await?;
                self.ask_once(connection, number, commands).await
            }
            answer => answer,
        }
    }

    async fn ask_once<T: FromRedisValue>(
        &self,
        mut connection: Connection,
        number: usize,
        commands: &Pipeline,
    ) -> Result<T, RedisError> {
        let answer = commands.query_async(&mut connection).await;
        if let Err(error) = &answer {
            // A Cluster looks after its connections. A server that answers with an error may be one that is not the
            // primary any more.
            let broken = match connection {
                Connection::Server(_) => true,
                Connection::Cluster(_) => error.is_unrecoverable_error(),
            };
            let mut held = self.held();
            if broken && held.number == number {
                held.connection = None;
            }
        }
        answer
    }

    /// The connection, its number, and whether it was made for this call.
    async fn connection(&self) -> Result<(Connection, usize, bool), RedisError> {
        if let Some((connection, number)) = self.held().get() {
            return Ok((connection, number, false));
        }
        let _alone = self.connecting.lock().await;
        if let Some((connection, number)) = self.held().get() {
            return Ok((connection, number, true));
        }
        let next = self.held().number + 1;
        // Counted even if it fails: the next attempt begins with another Sentinel.
        self.held().number = next;
        let connection = self.connect(next).await?;
        self.held().connection = Some(connection.clone());
        Ok((connection, next, true))
    }

    async fn connect(&self, attempt: usize) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        match &self.address {
            Address::Server(server) => {
                let client = Client::open(server.as_ref().clone())?;
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(Connection::Server)
            }
            Address::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.iter().cloned())
                    .connection_timeout(self.timeout / 2)
                    .response_timeout(self.timeout)
                    .build()?;
                client.get_async_connection().await.map(Connection::Cluster)
            }
            Address::Sentinel {
                sentinels,
                primary,
                login,
            } => {
                let mut sentinels = sentinels.clone();
                let first = attempt % sentinels.len().max(1);
                sentinels.rotate_left(first);
                let login = login.as_ref().clone();
                let kind = SentinelServerType::Master;
                let mut client = SentinelClient::build(sentinels, primary, Some(login), kind)?;
                let connection = client.get_async_connection_with_config(&config).await?;
                Ok(Connection::Server(connection))
            }
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&self) -> Option<(Connection, usize)> {
        self.connection.clone().map(|held| (held, self.number))
    }
}

fn silence(limit: Duration) -> RedisError {
    let what = format!("within {limit:?}");
    RedisError::from((ErrorKind::Io, "no answer", what))
}

#[async_trait]
impl Backend for Redis {
    async fn ping(&self) -> Result<(), Outage> {
        let mut ping = redis::pipe();
        ping.cmd("PING").ignore();
        self.ask("asking Redis", &ping).await
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
