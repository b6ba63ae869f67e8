use std::time::Duration;

use super::{NOW, session, session_id};
use crate::UserId;
use crate::ports::{Expiring, Sessions, Turns};

const SECOND: Duration = Duration::from_secs(1);

/// Give it two instances of one store, whose turn it never was.
///
/// # Panics
/// When a promise is broken.
pub async fn turns(one: &impl Turns, other: &impl Turns) {
    let until = NOW + Duration::from_mins(3);
    assert!(one.take(NOW, until).await.unwrap());
    let soon = NOW + Duration::from_mins(2);
    assert!(!other.take(soon, soon + SECOND).await.unwrap());
    let last = until - SECOND;
    assert!(!other.take(last, last + SECOND).await.unwrap());
    let longer = last + Duration::from_mins(3);
    assert!(one.take(last, longer).await.unwrap());
    assert!(!other.take(until, until + SECOND).await.unwrap());
    assert!(other.take(longer, longer + SECOND).await.unwrap());
    assert!(!one.take(longer, longer + SECOND).await.unwrap());
}

/// Give it a store without sessions, and a user whom it knows.
///
/// # Panics
/// When a promise is broken.
pub async fn expired_sessions(sessions: &(impl Sessions + Expiring), user: UserId) {
    let (old, young) = (session_id(user), session_id(user));
    let first = session(user);
    let mut second = first.clone();
    second.expires += SECOND;
    sessions.start(old, &first).await.unwrap();
    sessions.start(young, &second).await.unwrap();
    assert_eq!(sessions.forget(first.expires - SECOND).await.unwrap(), 0);
    assert!(sessions.find(old).await.unwrap().is_some());
    assert_eq!(sessions.forget(first.expires).await.unwrap(), 1);
    assert_eq!(sessions.find(old).await.unwrap(), None);
    assert!(sessions.find(young).await.unwrap().is_some());
    sessions.end_all(user).await.unwrap();
}
