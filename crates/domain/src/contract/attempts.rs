use std::time::Duration;

use futures_util::future::join_all;
use time::OffsetDateTime;

use super::NOW;
use crate::Refusal::{Off, Wait};
use crate::ports::{Attempts, Expiring};
use crate::{Bucket, Claim, Claims, Limit};

/// The numbers of the product, but for what would make a test long.
const LIMIT: Limit = Limit {
    free: 5,
    first_wait: Duration::from_secs(30),
    longest_wait: Duration::from_hours(1),
    off_after: Some(20),
    forgotten_after: Duration::from_hours(24),
};

const SECOND: Duration = Duration::from_secs(1);

/// A bucket that no other test has.
fn bucket() -> Bucket {
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("randomness");
    Bucket(random)
}

/// The promises of [`Attempts`].
pub async fn attempts(attempts: &impl Attempts) {
    waits_grow_to_the_longest(attempts).await;
    what_is_refused_is_not_counted(attempts).await;
    what_is_taken_back_was_never_made(attempts).await;
    a_cleared_bucket_is_a_new_one(attempts).await;
    what_is_settled_is_cleared_and_relieved(attempts).await;
    two_count_together_as_each_by_itself(attempts).await;
    what_one_of_two_refuses_counts_in_neither(attempts).await;
    off_is_off_until_it_is_cleared(attempts).await;
    what_is_old_is_forgotten(attempts).await;
    of_fifty_at_once_as_many_are_granted_as_are_free(attempts).await;
    of_fifty_that_count_twice_as_many_are_granted_as_are_free(attempts).await;
}

/// Give it a store without attempts.
///
/// # Panics
/// When a promise is broken.
pub async fn forgotten_attempts(attempts: &(impl Attempts + Expiring)) {
    let (bucket, off) = (bucket(), bucket());
    let last = make(attempts, bucket, 4).await;
    let for_ever = Limit {
        off_after: Some(1),
        ..LIMIT
    };
    attempts.claim(off, &for_ever, NOW).await.unwrap();
    let forgotten = last + LIMIT.forgotten_after;
    assert_eq!(attempts.forget(forgotten - SECOND).await.unwrap(), 0);
    assert_eq!(attempts.forget(forgotten).await.unwrap(), 1);
    assert_eq!(attempts.forget(forgotten).await.unwrap(), 0);
    // Of what was taken back nothing is left to wait for.
    let (one, other) = (self::bucket(), self::bucket());
    for bucket in [one, other] {
        claim(attempts, bucket, NOW).await;
    }
    attempts.take_back(one, &LIMIT).await.unwrap();
    let cleared = self::bucket();
    attempts.settle(cleared, other, &LIMIT).await.unwrap();
    assert_eq!(attempts.forget(NOW).await.unwrap(), 2);
    let still = attempts.claim(off, &for_ever, forgotten).await.unwrap();
    assert_eq!(still, Claim::Refused(Off), "what is off stays so");
}

async fn claim(attempts: &impl Attempts, bucket: Bucket, now: OffsetDateTime) -> Claim {
    attempts.claim(bucket, &LIMIT, now).await.unwrap()
}

/// Makes so many attempts, each as soon as it may be; when the last one was made.
async fn make(attempts: &impl Attempts, bucket: Bucket, count: u32) -> OffsetDateTime {
    let mut now = NOW;
    for number in 1..=count {
        if let Claim::Refused(Wait(wait)) = claim(attempts, bucket, now).await {
            now += wait;
            assert_eq!(claim(attempts, bucket, now).await, Claim::Granted(number));
        }
    }
    now
}

async fn waits_grow_to_the_longest(attempts: &impl Attempts) {
    let (bucket, neighbour) = (bucket(), bucket());
    for number in 1..=5 {
        let granted = claim(attempts, bucket, NOW).await;
        assert_eq!(granted, Claim::Granted(number), "the first are free");
    }
    let mut now = NOW;
    for (number, secs) in (6..).zip([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
        let wait = Duration::from_secs(secs);
        assert_eq!(
            claim(attempts, bucket, now).await,
            Claim::Refused(Wait(wait))
        );
        now += wait.saturating_sub(SECOND);
        assert_eq!(
            claim(attempts, bucket, now).await,
            Claim::Refused(Wait(SECOND))
        );
        now += SECOND;
        assert_eq!(claim(attempts, bucket, now).await, Claim::Granted(number));
    }
    let other = claim(attempts, neighbour, now).await;
    assert_eq!(other, Claim::Granted(1), "a bucket is its own");
}

async fn what_is_refused_is_not_counted(attempts: &impl Attempts) {
    let bucket = bucket();
    let last = make(attempts, bucket, 5).await;
    for _ in 0..30 {
        let refused = claim(attempts, bucket, last + SECOND).await;
        assert_eq!(refused, Claim::Refused(Wait(Duration::from_secs(29))));
    }
    let granted = claim(attempts, bucket, last + Duration::from_secs(30)).await;
    assert_eq!(granted, Claim::Granted(6));
}

async fn what_is_taken_back_was_never_made(attempts: &impl Attempts) {
    let bucket = bucket();
    attempts.take_back(bucket, &LIMIT).await.unwrap();
    for _ in 0..20 {
        assert_eq!(claim(attempts, bucket, NOW).await, Claim::Granted(1));
        attempts.take_back(bucket, &LIMIT).await.unwrap();
    }
    make(attempts, bucket, 5).await;
    attempts.take_back(bucket, &LIMIT).await.unwrap();
    assert_eq!(claim(attempts, bucket, NOW).await, Claim::Granted(5));
    // With more than are free, too, the wait that it began is over.
    let now = make_more(attempts, bucket, 6).await;
    attempts.take_back(bucket, &LIMIT).await.unwrap();
    assert_eq!(claim(attempts, bucket, now).await, Claim::Granted(6));
    let next = Claim::Refused(Wait(Duration::from_mins(1)));
    assert_eq!(claim(attempts, bucket, now).await, next);
}

/// Makes the attempt of this number, when its time has come.
async fn make_more(attempts: &impl Attempts, bucket: Bucket, number: u32) -> OffsetDateTime {
    let Claim::Refused(Wait(wait)) = claim(attempts, bucket, NOW).await else {
        panic!("it has to wait");
    };
    let now = NOW + wait;
    assert_eq!(claim(attempts, bucket, now).await, Claim::Granted(number));
    now
}

async fn a_cleared_bucket_is_a_new_one(attempts: &impl Attempts) {
    let bucket = bucket();
    attempts.clear(bucket).await.unwrap();
    make(attempts, bucket, 7).await;
    attempts.clear(bucket).await.unwrap();
    assert_eq!(claim(attempts, bucket, NOW).await, Claim::Granted(1));
}

async fn what_is_settled_is_cleared_and_relieved(attempts: &impl Attempts) {
    let (account, address, other) = (bucket(), bucket(), bucket());
    let settle = async || attempts.settle(account, address, &LIMIT).await.unwrap();
    settle().await;
    for _ in 0..20 {
        assert_eq!(claim(attempts, address, NOW).await, Claim::Granted(1));
        assert_eq!(claim(attempts, account, NOW).await, Claim::Granted(1));
        settle().await;
    }
    make(attempts, account, 7).await;
    make(attempts, address, 4).await;
    make(attempts, other, 4).await;
    settle().await;
    assert_eq!(claim(attempts, account, NOW).await, Claim::Granted(1));
    assert_eq!(claim(attempts, address, NOW).await, Claim::Granted(4));
    assert_eq!(claim(attempts, other, NOW).await, Claim::Granted(5));
    // Where it was off, it is so no more.
    settle().await;
    make(attempts, account, 20).await;
    settle().await;
    assert_eq!(claim(attempts, account, NOW).await, Claim::Granted(1));
}

/// As an address: many may be behind it.
const ROOMY: Limit = Limit {
    free: 1000,
    off_after: None,
    ..LIMIT
};

async fn claim_both(
    attempts: &impl Attempts,
    first: Bucket,
    second: Bucket,
    now: OffsetDateTime,
) -> Claims {
    let claims = attempts.claim_both((first, ROOMY), (second, LIMIT), now);
    claims.await.unwrap()
}

async fn two_count_together_as_each_by_itself(attempts: &impl Attempts) {
    let (first, second, alone) = (bucket(), bucket(), bucket());
    let mut now = NOW;
    let mut granted = 0;
    loop {
        let both = claim_both(attempts, first, second, now).await;
        match claim(attempts, alone, now).await {
            Claim::Granted(number) => {
                granted += 1;
                assert_eq!(both, Claims::Granted(number));
            }
            Claim::Refused(Wait(wait)) => {
                assert_eq!(both, Claims::Second(Wait(wait)));
                now += wait.saturating_sub(SECOND);
                let early = claim_both(attempts, first, second, now).await;
                assert_eq!(early, Claims::Second(Wait(SECOND)));
                now += SECOND;
            }
            Claim::Refused(Off) => {
                assert_eq!(both, Claims::Second(Off));
                break;
            }
        }
    }
    assert_eq!(granted, 20);
    let next = attempts.claim(first, &ROOMY, now).await.unwrap();
    assert_eq!(next, Claim::Granted(21), "what was refused counts nowhere");
    let later = now + Duration::from_hours(24 * 365);
    let off = claim_both(attempts, first, second, later).await;
    assert_eq!(off, Claims::Second(Off), "however long one waits");

    let second = bucket();
    let last = make(attempts, second, 4).await;
    let forgotten = last + LIMIT.forgotten_after;
    let again = claim_both(attempts, bucket(), second, forgotten).await;
    assert_eq!(again, Claims::Granted(1), "what is old is forgotten");
}

async fn what_one_of_two_refuses_counts_in_neither(attempts: &impl Attempts) {
    let (full, other) = (bucket(), bucket());
    let last = make(attempts, full, 5).await;
    let narrow = async |first, second| {
        let claims = attempts.claim_both((first, LIMIT), (second, LIMIT), last);
        claims.await.unwrap()
    };
    let wait = Wait(Duration::from_secs(30));
    for _ in 0..10 {
        assert_eq!(narrow(full, other).await, Claims::First(wait));
        assert_eq!(narrow(other, full).await, Claims::Second(wait));
    }
    assert_eq!(claim(attempts, other, last).await, Claim::Granted(1));
    attempts.clear(full).await.unwrap();
    make(attempts, full, 20).await;
    assert_eq!(narrow(full, other).await, Claims::First(Off));
    assert_eq!(claim(attempts, other, last).await, Claim::Granted(2));
}

async fn off_is_off_until_it_is_cleared(attempts: &impl Attempts) {
    let bucket = bucket();
    let last = make(attempts, bucket, 20).await;
    for later in [0, 1, 24, 24 * 365] {
        let now = last + Duration::from_hours(later);
        assert_eq!(claim(attempts, bucket, now).await, Claim::Refused(Off));
    }
    attempts.clear(bucket).await.unwrap();
    assert_eq!(claim(attempts, bucket, last).await, Claim::Granted(1));
    attempts.clear(bucket).await.unwrap();

    let last = make(attempts, bucket, 20).await;
    attempts.take_back(bucket, &LIMIT).await.unwrap();
    let again = claim(attempts, bucket, last).await;
    assert_eq!(again, Claim::Granted(20), "it was off no more");
    attempts.take_back(bucket, &LIMIT).await.unwrap();
    let old = last + LIMIT.longest_wait + LIMIT.forgotten_after;
    assert_eq!(claim(attempts, bucket, old).await, Claim::Granted(1));

    let at_once = Limit {
        free: 1,
        off_after: Some(1),
        ..LIMIT
    };
    attempts.clear(bucket).await.unwrap();
    let first = attempts.claim(bucket, &at_once, NOW).await.unwrap();
    assert_eq!(first, Claim::Granted(1));
    let later = NOW + Duration::from_hours(24 * 365);
    let second = attempts.claim(bucket, &at_once, later).await.unwrap();
    assert_eq!(
        second,
        Claim::Refused(Off),
        "the first one was the last one"
    );
}

async fn what_is_old_is_forgotten(attempts: &impl Attempts) {
    let bucket = bucket();
    let last = make(attempts, bucket, 4).await;
    let kept = last + LIMIT.forgotten_after - SECOND;
    assert_eq!(claim(attempts, bucket, kept).await, Claim::Granted(5));
    let forgotten = kept + LIMIT.forgotten_after;
    assert_eq!(claim(attempts, bucket, forgotten).await, Claim::Granted(1));
}

async fn of_fifty_at_once_as_many_are_granted_as_are_free(attempts: &impl Attempts) {
    for _ in 0..5 {
        let bucket = bucket();
        let claims = join_all((0..50).map(|_| claim(attempts, bucket, NOW))).await;
        let mut granted = claims.iter().filter_map(|claim| match claim {
            Claim::Granted(number) => Some(*number),
            Claim::Refused(_) => None,
        });
        let mut granted: Vec<_> = granted.by_ref().collect();
        granted.sort_unstable();
        assert_eq!(granted, [1, 2, 3, 4, 5]);
    }
}

async fn of_fifty_that_count_twice_as_many_are_granted_as_are_free(attempts: &impl Attempts) {
    let (first, second) = (bucket(), bucket());
    let claims = (0..50).map(|_| claim_both(attempts, first, second, NOW));
    let claims = join_all(claims).await;
    let granted = claims
        .iter()
        .filter(|claims| matches!(claims, Claims::Granted(_)));
    assert_eq!(granted.count(), 5);
    let next = attempts.claim(first, &ROOMY, NOW).await.unwrap();
    assert_eq!(next, Claim::Granted(6));
}
