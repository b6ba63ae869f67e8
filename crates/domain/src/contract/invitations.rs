use std::time::Duration;

use futures_util::future::join_all;

use super::{NOW, user};
use crate::ports::{Expiring, Invitations, JoinError, Users};
use crate::{Invitation, LinkId, LinkToken, Purpose};

/// Give it an empty store of both.
///
/// # Panics
/// When a promise is broken.
pub async fn invitations(users: &impl Users, invitations: &(impl Invitations + Expiring)) {
    let new = |days: u64| Invitation {
        since: NOW,
        expires: NOW + Duration::from_hours(24 * days),
    };
    let (first, second, third) = (id(), id(), id());
    for (id, invitation) in [(first, new(1)), (second, new(2)), (third, new(3))] {
        invitations.add(id, &invitation).await.unwrap();
    }
    assert_eq!(invitations.find(second).await.unwrap(), Some(new(2)));
    assert_eq!(invitations.find(id()).await.unwrap(), None);
    assert_eq!(invitations.list().await.unwrap().len(), 3);

    assert!(invitations.end(third).await.unwrap());
    assert!(!invitations.end(third).await.unwrap());
    let nobody = user("nobody");
    let gone = users.join(&nobody, third).await;
    assert!(matches!(gone, Err(JoinError::NotInvited)));
    assert_eq!(users.find(nobody.id).await.unwrap(), None);

    users.add(&user("taken")).await.unwrap();
    let taken = users.join(&user("taken"), second).await;
    assert!(matches!(taken, Err(JoinError::UsernameTaken)));
    assert!(invitations.find(second).await.unwrap().is_some());

    let names = ["ada", "bob", "carol", "dan", "eve"].map(user);
    let outcomes = join_all(names.iter().map(|user| users.join(user, second))).await;
    let joined = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(joined, 1, "{outcomes:?}");
    for (user, outcome) in names.iter().zip(&outcomes) {
        let kept = users.find(user.id).await.unwrap();
        match outcome {
            Ok(()) => assert_eq!(kept.as_ref(), Some(user)),
            Err(JoinError::NotInvited) => assert_eq!(kept, None),
            Err(e) => panic!("{e:?}"),
        }
    }
    assert_eq!(invitations.list().await.unwrap(), [(first, new(1))]);

    let end = new(1).expires;
    let before = end - Duration::from_secs(1);
    assert_eq!(invitations.forget(before).await.unwrap(), 0);
    assert_eq!(invitations.forget(end).await.unwrap(), 1);
    assert_eq!(invitations.find(first).await.unwrap(), None);
}

fn id() -> LinkId {
    LinkToken::random().unwrap().id(Purpose::Join)
}
