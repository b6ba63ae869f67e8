//! Redis keeps the promises of the port: alone, in a Cluster, and behind Sentinels.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../vestibule/tests/containers.rs"]
mod containers;
#[path = "../../vestibule/tests/containers/redis.rs"]
mod server;
#[expect(dead_code, unused_imports, reason = "the tests of faults use the rest")]
#[path = "../../vestibule/tests/stores/mod.rs"]
mod stores;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use vestibule_domain::ports::{Attempts, Backend, Sessions};
use vestibule_domain::{Bucket, Limit, Session, SessionToken, UserId, contract};
use vestibule_redis::{Address, Redis, RedisAttempts, RedisSessions};

const TIMEOUT: Duration = Duration::from_secs(5);

fn connect(url: &str) -> Arc<Redis> {
    let address = Address::parse(url, TIMEOUT).ok().unwrap();
    Arc::new(Redis::new(address, TIMEOUT))
}

fn site() -> String {
    UserId::new().0.simple().to_string()
}

async fn keeps_the_contract(url: &str, replicas: u8) {
    let redis = connect(url);
    redis.ping().await.unwrap();
    let sessions = RedisSessions::new(redis, replicas);
    contract::sessions(&sessions, UserId::new(), UserId::new()).await;
    contract::own_sessions(&sessions, UserId::new(), UserId::new()).await;
    contract::ending_all_in_the_middle(&sessions, UserId::new(), 300).await;
}

#[tokio::test]
async fn one_redis_keeps_the_sessions_contract() {
    let server = server::redis();
    keeps_the_contract(&server.url, 0).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_sessions_contract() {
    let cluster = stores::Cluster::new();
    keeps_the_contract(&cluster.url(), 0).await;
    // Each user lives on one of the nodes.
    let sessions = RedisSessions::new(connect(&cluster.url()), 1);
    for _ in 0..30 {
        contract::sessions(&sessions, UserId::new(), UserId::new()).await;
        contract::own_sessions(&sessions, UserId::new(), UserId::new()).await;
    }
    contract::ending_all_in_the_middle(&sessions, UserId::new(), 100).await;
}

#[tokio::test]
async fn what_sentinels_name_keeps_the_sessions_contract() {
    let sentinel = stores::Sentinel::new();
    keeps_the_contract(&sentinel.url(), 1).await;
}

#[tokio::test]
async fn one_redis_keeps_the_attempts_contract() {
    let server = server::redis();
    contract::attempts(&RedisAttempts::new(connect(&server.url), site())).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_attempts_contract() {
    let cluster = stores::Cluster::new();
    let attempts = RedisAttempts::new(connect(&cluster.url()), site());
    // Each bucket lives on one of the nodes.
    for _ in 0..5 {
        contract::attempts(&attempts).await;
    }
}

#[tokio::test]
async fn what_sentinels_name_keeps_the_attempts_contract() {
    let sentinel = stores::Sentinel::new();
    contract::attempts(&RedisAttempts::new(connect(&sentinel.url()), site())).await;
}

#[tokio::test]
async fn attempts_go_by_themselves_unless_they_are_off() {
    let server = stores::Redis::forgetful();
    let site = site();
    let attempts = RedisAttempts::new(connect(&server.url()), site.clone());
    let limit = Limit {
        free: 2,
        first_wait: Duration::from_secs(30),
        longest_wait: Duration::from_hours(1),
        off_after: Some(2),
        forgotten_after: Duration::from_hours(1),
    };
    // Years away from the clock of the server.
    let now = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
    let bucket = Bucket([7; 32]);
    let key = format!("vestibule:{site}:attempts:{}", "07".repeat(32));
    let life = || server.ask(&["TTL", &key]).unwrap().parse::<i64>().unwrap();
    for is_off in [false, true] {
        attempts.claim(bucket, &limit, now).await.unwrap();
        assert_eq!(life() == -1, is_off);
        assert!(is_off || (3540..=3600).contains(&life()));
    }
    attempts.take_back(bucket, &limit).await.unwrap();
    assert!((3540..=3600).contains(&life()));
}

#[tokio::test]
async fn without_enough_replicas_no_end_is_said_to_be_one() {
    let server = stores::Redis::forgetful();
    let sessions = RedisSessions::new(connect(&server.url()), 1);
    let user = UserId::new();
    let id = SessionToken::random(user).unwrap().id();
    let outage = sessions.end(id).await.unwrap_err();
    assert!(
        outage.chain().contains("0 replicas know of it"),
        "{outage:?}"
    );
    assert!(sessions.end_all(user).await.is_err());
}

#[tokio::test]
async fn every_key_goes_by_itself_and_those_of_a_user_are_in_one_slot() {
    let server = stores::Redis::forgetful();
    let sessions = RedisSessions::new(connect(&server.url()), 0);
    let user = UserId::new();
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let start = async |expires: Duration| {
        let id = SessionToken::random(user).unwrap().id();
        let session = Session {
            started: now,
            expires: now + expires,
            ends: now + Duration::from_hours(24),
            ..contract::session(user)
        };
        sessions.start(id, &session).await.unwrap();
        id
    };
    let long = start(Duration::from_hours(2)).await;
    start(Duration::from_hours(1)).await;

    let tag = user.0.to_string();
    let digest = long.digest.map(|byte| format!("{byte:02x}")).concat();
    let (index, key) = (
        format!("vestibule:{{{tag}}}:sessions"),
        format!("vestibule:{{{tag}}}:session:{digest}"),
    );
    let live = |hours: u64| {
        for key in [&key, &index] {
            let secs: u64 = server.ask(&["TTL", key]).unwrap().parse().unwrap();
            assert!(
                (hours * 3600 - 60..=hours * 3600).contains(&secs),
                "{key} {secs}"
            );
        }
    };
    let keys = server.ask(&["DBSIZE"]).unwrap();
    assert_eq!(keys, "3", "an index and two sessions");
    live(2);
    let extended = now + Duration::from_hours(3);
    sessions.extend(long, extended, extended).await.unwrap();
    live(3);

    // Written by hand, as if the clock had run: what has expired leaves the index when the next one starts.
    let later = Session {
        started: extended,
        expires: extended + Duration::from_hours(1),
        ends: extended + Duration::from_hours(24),
        ..contract::session(user)
    };
    let id = SessionToken::random(user).unwrap().id();
    sessions.start(id, &later).await.unwrap();
    assert_eq!(server.ask(&["ZCARD", &index]).unwrap(), "1");

    sessions.end_all(user).await.unwrap();
    assert_eq!(server.ask(&["EXISTS", &index]).unwrap(), "0");
}

#[tokio::test]
async fn an_older_session_is_one_and_a_damaged_one_is_none() {
    let server = stores::Redis::forgetful();
    let sessions = RedisSessions::new(connect(&server.url()), 0);
    let user = UserId::new();
    let id = SessionToken::random(user).unwrap().id();
    let now = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
    let session = Session {
        started: now,
        expires: now + Duration::from_hours(1),
        ends: now + Duration::from_hours(24),
        ..contract::session(user)
    };
    sessions.start(id, &session).await.unwrap();
    let key = server
        .ask(&["KEYS", "vestibule:*:session:*"])
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    // As it was kept before anybody noted where and with what it began.
    server
        .ask(&["HDEL", &key, "seen", "remembered", "from", "agent"])
        .unwrap();
    let bare = Session {
        seen: session.started,
        remembered: false,
        from: None,
        agent: None,
        ..session
    };
    assert_eq!(sessions.find(id).await.unwrap(), Some(bare.clone()));
    assert_eq!(sessions.of(user).await.unwrap(), [(id, bare)]);
    for field in ["started", "expires", "ends"] {
        server.ask(&["HSET", &key, field, "nonsense"]).unwrap();
        assert!(sessions.find(id).await.is_err(), "{field}");
    }
    server.ask(&["DEL", &key]).unwrap();
    server.ask(&["SET", &key, "nonsense"]).unwrap();
    assert!(sessions.find(id).await.is_err(), "another kind of key");
}
