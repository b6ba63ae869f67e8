//! The stores themselves: that they do go away, and come back with what they had.

use super::clock::turn;
use crate::stores::{Fault, Postgres, Redis};

#[tokio::test]
async fn postgres_comes_back_with_what_it_had() {
    let _turn = turn().await;
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

#[tokio::test]
async fn redis_comes_back_with_what_it_wrote_down() {
    let _turn = turn().await;
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
