//! Redis keeps the promises of the port, alone and in a Cluster.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../vestibule/tests/containers.rs"]
mod containers;
#[path = "../../vestibule/tests/containers/redis.rs"]
mod server;

use std::sync::Arc;
use std::time::Duration;

use vestibule_domain::ports::Backend;
use vestibule_domain::{UserId, contract};
use vestibule_redis::{Address, Redis, RedisSessions};

const TIMEOUT: Duration = Duration::from_secs(5);

fn connect(url: &str) -> Arc<Redis> {
    let address = Address::parse(url, TIMEOUT).ok().unwrap();
    Arc::new(Redis::new(address, TIMEOUT))
}

async fn keeps_the_contract(url: &str) {
    let redis = connect(url);
    redis.ping().await.unwrap();
    let sessions = RedisSessions::new(redis, 0);
    contract::sessions(&sessions, UserId::new(), UserId::new()).await;
    contract::ending_all_in_the_middle(&sessions, UserId::new(), 300).await;
}

#[tokio::test]
async fn one_redis_keeps_the_sessions_contract() {
    let server = server::redis();
    keeps_the_contract(&server.url).await;
}
