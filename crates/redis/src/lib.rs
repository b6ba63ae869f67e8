//! Sessions for many instances, in Redis: one server, a Cluster, or whichever server Sentinel has made the primary.

mod address;
mod sessions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError, RedisFuture, Value,
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
    held: Arc<Mutex<Held>>,
    /// One connects, the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

/// The connection that all requests share.
#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    /// How many connections there were before: tells whether the one that broke is the one that is held.
    number: usize,
    /// Whether somebody looks for the nodes of a Cluster anew.
    searching: bool,
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
            held: Arc::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// The same Redis by another connection.
    fn another(&self) -> Self {
        Self::new(self.address.clone(), self.timeout)
    }

    /// The answers to commands that may be sent twice: what comes too late, or breaks off, may have been done.
    async fn ask<T: FromRedisValue>(
        &self,
        during: &'static str,
        commands: &Pipeline,
    ) -> Result<T, Outage> {
        let answer = tokio::time::timeout(self.timeout, self.ask_twice(commands))
            .await
            .unwrap_or_else(|_| Err(silence(self.timeout)));
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            self.search();
        }
        answer.map_err(Outage::during(during))
    }

    /// What does not answer may be frozen, or cut off, while another has taken its place. The next who asks one server
    /// connects anew. A Cluster has nodes that do answer: they are asked for the others, and go on meanwhile.
    fn search(&self) {
        let mut held = self.held();
        if let Address::Server(_) | Address::Sentinel { .. } = self.address {
            held.connection = None;
            return;
        }
        if held.connection.is_none() || held.searching {
            return;
        }
        held.searching = true;
        let number = held.number;
        drop(held);

        let (address, timeout) = (self.address.clone(), self.timeout);
        let held = Arc::clone(&self.held);
        tokio::spawn(async move {
            // Nobody waits for this: it may take the time that a silent node costs.
            let found = tokio::time::timeout(timeout * 4, address.connect(timeout, number)).await;
            let mut held = lock(&held);
            held.searching = false;
            if let Ok(Ok(found)) = found
                && held.number == number
            {
                held.connection = Some(found);
                held.number += 1;
            }
        });
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
        let connection = self.address.connect(self.timeout, next).await?;
        self.held().connection = Some(connection.clone());
        Ok((connection, next, true))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Address {
    async fn connect(&self, timeout: Duration, attempt: usize) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        match self {
            Self::Server(server) => {
                let client = Client::open(server.as_ref().clone())?;
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(Connection::Server)
            }
            Self::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.iter().cloned())
                    .connection_timeout(timeout / 2)
                    .response_timeout(timeout)
                    .build()?;
                client.get_async_connection().await.map(Connection::Cluster)
            }
            Self::Sentinel {
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
}

impl Held {
    fn get(&self) -> Option<(Connection, usize)> {
        self.connection.clone().map(|held| (held, self.number))
    }
}

fn silence(limit: Duration) -> RedisError {
    let what = format!("within {limit:?}");
    std::io::Error::new(std::io::ErrorKind::TimedOut, what).into()
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
