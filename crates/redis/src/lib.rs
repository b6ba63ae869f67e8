//! Sessions for many instances, in Redis: one server, a Cluster, or whichever server Sentinel has made the primary.

mod address;
mod attempts;
mod sentinel;
mod sessions;

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture,
    Value,
};
use vestibule_domain::Outage;
use vestibule_domain::ports::Backend;

use sentinel::Place;

pub use address::{Address, NotAnAddress};
pub use attempts::RedisAttempts;
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

/// For so long the word of the Sentinels is taken: a primary that was frozen or cut off takes itself for one when it is
/// back, for seconds.
const SURE: Duration = Duration::from_millis(500);

/// The connection that all requests share.
#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    /// How many connections there were before: tells whether the one that broke is the one that is held.
    number: usize,
    /// Whether somebody looks for the nodes of a Cluster anew.
    searching: bool,
    /// Where the Sentinels said that the connection leads to the primary, and when.
    primary: Option<(Place, Instant)>,
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
        self.in_time(self.ask_twice(commands))
            .await
            .map_err(Outage::during(during))
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let answer = tokio::time::timeout(self.timeout, answer)
            .await
            .unwrap_or_else(|_| Err(silence(self.timeout)));
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            self.search();
        }
        answer
    }

    /// What does not answer may be frozen, or cut off, while another has taken its place. The next who asks one server
    /// connects anew. A Cluster has nodes that do answer: they are asked for the others, and the connection that there is
    /// serves whom it can until one is found that all primaries answer by.
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
            let complete = async {
                let mut found = address.connect(timeout, None).await?;
                found.probe().await.map(|()| found)
            };
            let found = tokio::time::timeout(timeout * 4, complete).await;
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
        self.let_go(&connection, number, &answer);
        answer
    }

    /// Holds this connection no longer if its answer shows it to be broken.
    fn let_go<T>(&self, connection: &Connection, number: usize, answer: &Result<T, RedisError>) {
        let Err(error) = answer else {
            return;
        };
        // A Cluster looks after its connections. A server that answers with an error may be one that is not the primary
        // any more.
        let broken = match connection {
            Connection::Server(_) => true,
            Connection::Cluster(_) => error.is_unrecoverable_error(),
        };
        let mut held = self.held();
        if broken && held.number == number {
            held.connection = None;
        }
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
        let place = self.primary().await;
        if let Some((connection, number)) = self.held().keep(place.as_ref()) {
            return Ok((connection, number, false));
        }
        let connection = self.address.connect(self.timeout, place.clone()).await?;
        let mut held = self.held();
        held.number += 1;
        held.connection = Some(connection.clone());
        held.primary = place.map(|place| (place, Instant::now()));
        Ok((connection, held.number, true))
    }

    /// Where the primary is, by the word of Sentinels.
    async fn primary(&self) -> Option<Place> {
        match &self.address {
            Address::Sentinel {
                sentinels, primary, ..
            } => sentinel::primary(sentinels, primary, self.timeout / 4).await,
            Address::Server(_) | Address::Cluster(_) => None,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Address {
    async fn connect(
        &self,
        timeout: Duration,
        primary: Option<Place>,
    ) -> Result<Connection, RedisError> {
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
            Self::Sentinel { server, .. } => {
                const UNKNOWN: &str = "no Sentinel says where the primary is";
                let kind = ErrorKind::MasterNameNotFoundBySentinel;
                let place = primary.ok_or_else(|| RedisError::from((kind, UNKNOWN)))?;
                let connection = sentinel::connect(server, place, &config).await?;
                Ok(Connection::Server(connection))
            }
        }
    }
}

impl Held {
    /// `None` when there is none, or it is time to ask the Sentinels whether it still leads to the primary.
    fn get(&self) -> Option<(Connection, usize)> {
        let is_sure = |(_, at): &(Place, Instant)| at.elapsed() < SURE;
        let connection = self.connection.clone()?;
        self.primary
            .as_ref()
            .is_none_or(is_sure)
            .then_some((connection, self.number))
    }

    /// The connection where it leads to this primary. While no Sentinel answers, nobody knows better.
    fn keep(&mut self, primary: Option<&Place>) -> Option<(Connection, usize)> {
        let (place, at) = self.primary.as_mut()?;
        if primary.is_some_and(|primary| primary != place) {
            self.connection = None;
        }
        *at = Instant::now();
        Some((self.connection.clone()?, self.number))
    }
}

/// A digest, as it stands in a key.
fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn silence(limit: Duration) -> RedisError {
    let what = format!("within {limit:?}");
    std::io::Error::new(std::io::ErrorKind::TimedOut, what).into()
}

#[async_trait]
impl Backend for Redis {
    async fn ping(&self) -> Result<(), Outage> {
        let probe = async {
            let (mut connection, number, fresh) = self.connection().await?;
            let answer = connection.probe().await;
            self.let_go(&connection, number, &answer);
            match answer {
                Err(e) if !fresh && !e.is_timeout() => self.connection().await?.0.probe().await,
                answer => answer,
            }
        };
        self.in_time(probe)
            .await
            .map_err(Outage::during("asking Redis"))
    }
}

impl Connection {
    /// Asks the server, or every primary of a Cluster, and reads: a Cluster that is incomplete may greet and refuse to.
    async fn probe(&mut self) -> Result<(), RedisError> {
        let () = redis::cmd("PING").query_async(self).await?;
        redis::cmd("EXISTS")
            .arg("vestibule:probe")
            .query_async(self)
            .await
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
