//! The stores themselves: that they do go away, and come back with what they had.

use std::time::{Duration, Instant};

use crate::stores::{Cluster, Fault, Postgres, Redis, Sentinel};

#[test]
fn postgres_comes_back_with_what_it_had() {
    let mut postgres = Postgres::new();
    postgres.query("CREATE TABLE kept (fault text)");
    for (n, fault) in [Fault::Stopped, Fault::Killed, Fault::Frozen]
        .into_iter()
        .enumerate()
    {
        postgres.query(&format!("INSERT INTO kept VALUES ('{fault:?}')"));
        postgres.suffer(fault);
        assert!(!postgres.answers());
        postgres.recover(fault);
        assert!(postgres.answers());
        assert_eq!(postgres.query("SELECT fault FROM kept").len(), n + 1);
    }
}

#[test]
fn redis_comes_back_with_what_it_wrote_down() {
    for fault in [Fault::Stopped, Fault::Killed, Fault::Frozen] {
        for (mut redis, lasts) in [(Redis::forgetful(), false), (Redis::lasting(), true)] {
            redis.ask(&["SET", "fault", "any"]).unwrap();
            redis.suffer(fault);
            assert!(redis.ask(&["PING"]).is_err());
            redis.recover(fault);
            let kept = redis.ask(&["GET", "fault"]).unwrap();
            assert_eq!(kept == "any", lasts || fault == Fault::Frozen, "{fault:?}");
        }
    }
}

#[test]
fn a_cluster_survives_the_loss_of_a_primary() {
    for fault in [Fault::Killed, Fault::Frozen] {
        let mut cluster = Cluster::new();
        let lost = cluster.primaries()[0];
        cluster.suffer(lost, fault);
        let start = Instant::now();
        cluster.fail_over();
        eprintln!("{fault:?}: a replica took over after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(!cluster.primaries().contains(&lost));
        cluster.recover(lost, fault);
        cluster.settle();
    }
}

#[test]
fn sentinels_make_the_replica_a_primary() {
    for fault in [Some(Fault::Killed), Some(Fault::Frozen), None] {
        let mut sentinel = Sentinel::new();
        let old = sentinel.announced().unwrap();
        let start = Instant::now();
        match fault {
            Some(fault) => sentinel.suffer(old, fault),
            None => sentinel.fail_over(),
        }
        sentinel.until_primary_is(1 - old);
        eprintln!("{fault:?}: a new primary after {:?}", start.elapsed());
        if let Some(fault) = fault {
            sentinel.recover(old, fault);
        }
        sentinel.settle();
    }
}
