//! What every adapter promises, written once: each adapter's own tests call these.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that lives in the library"
)]

mod attempts;
mod clean_up;
mod invitations;
mod mail;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::ports::{AddUserError, Passwords, Sessions, Users};
use crate::{
    Password, PasswordHash, Session, SessionId, SessionToken, User, UserId, Username, Visit,
};

pub use attempts::{attempts, forgotten_attempts};
pub use clean_up::{expired_sessions, turns};
pub use invitations::invitations;
pub use mail::{emails, links, outbox};

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

/// An account that no store knows yet.
pub fn user(name: &str) -> User {
    User {
        id: UserId::new(),
        username: Username::parse(name).expect("a lawful name"),
        password: Some(PasswordHash::new("$argon2id$made-up".into())),
        since: NOW,
        last_login: None,
        previous_login: None,
        disabled: None,
        leaves: None,
    }
}

/// The promises of [`Users`]. Give it an empty store.
pub async fn users(users: &impl Users) {
    let ada = user("ada");
    let bob = user("bob");

    assert_eq!(users.find(ada.id).await.unwrap(), None, "empty at first");
    assert_eq!(users.find_by_username(&ada.username).await.unwrap(), None);

    users.add(&ada).await.unwrap();
    users.add(&bob).await.unwrap();
    assert_eq!(
        users.find(ada.id).await.unwrap().as_ref(),
        Some(&ada),
        "reads back whole"
    );
    assert_eq!(
        users
            .find_by_username(&ada.username)
            .await
            .unwrap()
            .as_ref(),
        Some(&ada)
    );

    let second = users.add(&user("ADA")).await;
    assert!(
        matches!(second, Err(AddUserError::UsernameTaken)),
        "one account a name"
    );
    assert_eq!(
        users
            .find_by_username(&ada.username)
            .await
            .unwrap()
            .as_ref(),
        Some(&ada),
        "who came first is not touched"
    );

    let first = visit(60, Some("203.0.113.7"));
    let next = visit(120, Some("2001:db8::7"));
    let unseen = visit(180, None);
    let noted = users.record_login(ada.id, &first).await.unwrap();
    assert_eq!(noted, users.find(ada.id).await.unwrap());
    assert_eq!(logins(users, ada.id).await, (Some(first.clone()), None));
    users.record_login(ada.id, &next).await.unwrap();
    assert_eq!(
        logins(users, ada.id).await,
        (Some(next.clone()), Some(first))
    );
    users.record_login(ada.id, &unseen).await.unwrap();
    assert_eq!(logins(users, ada.id).await, (Some(unseen), Some(next)));
    assert_eq!(
        logins(users, bob.id).await,
        (None, None),
        "nobody else's logins"
    );
    let nobody = users.record_login(UserId::new(), &visit(0, None)).await;
    assert_eq!(nobody.unwrap(), None);

    changing(users, &ada, &bob).await;
}

/// Passwords, and who is kept out.
async fn changing(users: &impl Users, ada: &User, bob: &User) {
    let new = PasswordHash::new("$argon2id$new".into());
    let newer = PasswordHash::new("$argon2id$newer".into());
    let made_up = ada.password.clone().unwrap();
    let password = async || users.find(ada.id).await.unwrap().unwrap().password;
    let replaced = users.replace_hash(ada.id, &made_up, &new).await;
    assert!(replaced.unwrap());
    assert_eq!(password().await.as_ref(), Some(&new));
    let replaced = users.replace_hash(ada.id, &made_up, &newer).await;
    assert!(!replaced.unwrap(), "and says so");
    assert_eq!(
        password().await.as_ref(),
        Some(&new),
        "a hash that changed in between stays"
    );

    let change = async |old: Option<&PasswordHash>| {
        let changed = users.change_password(ada.id, old.cloned(), &newer, &[]);
        changed.await.unwrap()
    };
    assert!(!change(Some(&made_up)).await, "it is another by now");
    assert!(!change(None).await, "and not none");
    assert_eq!(password().await.as_ref(), Some(&new));
    assert!(change(Some(&new)).await);
    assert_eq!(password().await.as_ref(), Some(&newer));
    users.forget_password(ada.id).await.unwrap();
    assert_eq!(password().await, None);
    assert!(
        !change(Some(&newer)).await,
        "what was taken away stays so for whoever saw it"
    );
    assert!(change(None).await);
    assert_eq!(password().await.as_ref(), Some(&newer));
    users.forget_password(UserId::new()).await.unwrap();

    let disabled = async || users.find(ada.id).await.unwrap().unwrap().disabled;
    assert!(users.set_disabled(ada.id, Some(NOW)).await.unwrap());
    assert_eq!(disabled().await, Some(NOW));
    assert!(users.set_disabled(ada.id, None).await.unwrap());
    assert_eq!(disabled().await, None);
    assert!(!users.set_disabled(UserId::new(), None).await.unwrap());

    let leaves = async || users.find(ada.id).await.unwrap().unwrap().leaves;
    let soon = NOW + Duration::from_secs(9);
    assert!(users.set_leaving(ada.id, Some(soon), &[]).await.unwrap());
    assert_eq!(leaves().await, Some(soon));
    let leaving = async |secs| {
        let gone = users.leaving(NOW + Duration::from_secs(secs), 9).await;
        gone.unwrap().into_iter().map(|user| user.id).collect()
    };
    let none: Vec<UserId> = leaving(8).await;
    assert!(none.is_empty());
    assert_eq!(leaving(9).await, [ada.id]);
    assert!(users.set_leaving(ada.id, None, &[]).await.unwrap());
    assert_eq!(leaves().await, None);
    assert!(!users.set_leaving(UserId::new(), None, &[]).await.unwrap());

    let names = async |after: Option<&Username>, most| {
        let page = users.list(after.cloned(), most).await.unwrap();
        let names = page.into_iter().map(|user| user.username.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(None, 9).await, ["ada", "bob"]);
    assert_eq!(names(None, 1).await, ["ada"]);
    assert_eq!(names(Some(&ada.username), 9).await, ["bob"]);
    assert!(names(Some(&bob.username), 9).await.is_empty());
    assert_eq!(
        users.find(bob.id).await.unwrap().unwrap().password,
        bob.password
    );
    removing(users).await;
}

/// What goes, and what of it stays.
async fn removing(users: &impl Users) {
    let carol = user("carol");
    users.add(&carol).await.unwrap();
    let soon = NOW + Duration::from_secs(9);
    users.set_leaving(carol.id, Some(soon), &[]).await.unwrap();
    let going = users.find(carol.id).await.unwrap().unwrap();
    users.set_leaving(carol.id, None, &[]).await.unwrap();
    let removed = users.remove(&going, NOW, soon).await.unwrap();
    assert_eq!(removed, None, "it is to stay after all");
    assert!(users.find(carol.id).await.unwrap().is_some());

    assert_eq!(users.remove(&carol, NOW, soon).await.unwrap(), Some(0));
    assert_eq!(users.find(carol.id).await.unwrap(), None);
    assert_eq!(users.remove(&carol, NOW, soon).await.unwrap(), None);
    let at = |secs| User {
        since: NOW + Duration::from_secs(secs),
        ..user("carol")
    };
    let early = users.add(&at(8)).await;
    assert!(
        matches!(early, Err(AddUserError::UsernameTaken)),
        "{early:?}"
    );
    let found = users.find_by_username(&carol.username).await.unwrap();
    assert_eq!(found, None, "nothing is left of the attempt");
    users.add(&user("dora")).await.unwrap();
    let dora = Username::parse("dora").unwrap();
    let dora = users.find_by_username(&dora).await.unwrap().unwrap();
    let rename = async |name: &str, secs| {
        let name = Username::parse(name).unwrap();
        let at = NOW + Duration::from_secs(secs);
        users.rename(dora.id, &name, at, &[]).await
    };
    for (taken, secs) in [("ada", 99), ("carol", 8)] {
        let outcome = rename(taken, secs).await;
        assert!(
            matches!(outcome, Err(AddUserError::UsernameTaken)),
            "{taken}"
        );
    }
    rename("dorothea", 0).await.unwrap();
    let found = users.find(dora.id).await.unwrap().unwrap();
    assert_eq!(found.username.as_str(), "dorothea");
    assert_eq!(users.find_by_username(&dora.username).await.unwrap(), None);
    let nobody = users.rename(UserId::new(), &dora.username, NOW, &[]);
    nobody.await.unwrap();

    let late = at(9);
    users.add(&late).await.unwrap();
    assert_eq!(users.remove(&late, NOW, soon).await.unwrap(), Some(0));
}

fn visit(secs: u64, from: Option<&str>) -> Visit {
    Visit {
        at: NOW + Duration::from_secs(secs),
        from: from.map(|text| text.parse().expect("an address")),
    }
}

async fn logins(users: &impl Users, id: UserId) -> (Option<Visit>, Option<Visit>) {
    let user = users.find(id).await.unwrap().expect("was added");
    (user.last_login, user.previous_login)
}

/// A session of `user` that starts now: stores may go by their own clock.
pub fn session(user: UserId) -> Session {
    let now = OffsetDateTime::now_utc()
        .replace_nanosecond(0)
        .expect("0 is one");
    Session {
        user,
        started: now,
        seen: now,
        expires: now + Duration::from_hours(1),
        ends: now + Duration::from_hours(24),
        remembered: true,
        from: Some("2001:db8::7".parse().expect("an address")),
        agent: Some("Firefox on Linux".to_owned()),
    }
}

fn session_id(user: UserId) -> SessionId {
    SessionToken::random(user).unwrap().id()
}

/// The promises of [`Sessions`]. The store knows both accounts.
pub async fn sessions(sessions: &impl Sessions, user: UserId, neighbour: UserId) {
    let id = session_id(user);
    let other = session_id(user);
    let session = session(user);

    assert_eq!(
        sessions.find(id).await.unwrap(),
        None,
        "a made-up one is nobody's"
    );
    sessions
        .extend(id, session.seen, session.expires)
        .await
        .unwrap();
    assert_eq!(
        sessions.find(id).await.unwrap(),
        None,
        "extending starts nothing"
    );

    sessions.start(id, &session).await.unwrap();
    sessions.start(other, &session).await.unwrap();
    assert_eq!(
        sessions.find(id).await.unwrap().as_ref(),
        Some(&session),
        "reads back whole"
    );
    let taken_over = SessionId {
        user: neighbour,
        ..id
    };
    assert_eq!(sessions.find(taken_over).await.unwrap(), None);

    let later = session.expires + Duration::from_mins(10);
    let seen = session.seen + Duration::from_mins(10);
    sessions.extend(id, seen, later).await.unwrap();
    let found = sessions.find(id).await.unwrap().unwrap();
    assert_eq!((found.seen, found.expires), (seen, later));
    sessions
        .extend(id, session.seen, session.expires)
        .await
        .unwrap();
    assert_eq!(
        sessions.find(id).await.unwrap().unwrap().expires,
        later,
        "never earlier"
    );

    assert_eq!(sessions.find(id).await.unwrap().unwrap().seen, seen);
    // That it was used is noted of one that cannot be longer, too.
    let once_more = seen + Duration::from_mins(1);
    sessions.extend(id, once_more, later).await.unwrap();
    assert_eq!(sessions.find(id).await.unwrap().unwrap().seen, once_more);

    sessions.end(id).await.unwrap();
    assert_eq!(sessions.find(id).await.unwrap(), None, "ended is ended");
    sessions.extend(id, session.seen, later).await.unwrap();
    assert_eq!(sessions.find(id).await.unwrap(), None, "and is not revived");
    sessions.end(id).await.unwrap();
    assert_eq!(
        sessions.find(other).await.unwrap().as_ref(),
        Some(&session),
        "not the user's other session"
    );

    let new = session_id(user);
    let half_an_hour_on = Session {
        started: session.started + Duration::from_mins(30),
        ..session.clone()
    };
    sessions.start(new, &half_an_hour_on).await.unwrap();
    assert_eq!(
        sessions.find(other).await.unwrap().as_ref(),
        Some(&session),
        "what is live is not forgotten"
    );

    let next_door = session_id(neighbour);
    let theirs = Session {
        user: neighbour,
        ..session.clone()
    };
    sessions.start(next_door, &theirs).await.unwrap();
    sessions.end_all(user).await.unwrap();
    for id in [other, new] {
        assert_eq!(sessions.find(id).await.unwrap(), None, "all are ended");
        sessions.extend(id, session.seen, later).await.unwrap();
        assert_eq!(sessions.find(id).await.unwrap(), None, "and stay so");
    }
    assert_eq!(
        sessions.find(next_door).await.unwrap().as_ref(),
        Some(&theirs),
        "nobody else's session"
    );
    sessions.end_all(user).await.unwrap();
    sessions.start(id, &session).await.unwrap();
    assert_eq!(
        sessions.find(id).await.unwrap().as_ref(),
        Some(&session),
        "the user may come back"
    );
}

/// What an account's owner sees and ends. The store knows both accounts, and no session of theirs.
pub async fn own_sessions(sessions: &impl Sessions, user: UserId, neighbour: UserId) {
    assert_eq!(sessions.of(user).await.unwrap(), [], "none at first");
    let ids: Vec<SessionId> = (0..3).map(|_| session_id(user)).collect();
    let plain = Session {
        remembered: false,
        from: None,
        agent: None,
        ..session(user)
    };
    let full = session(user);
    let next_door = session_id(neighbour);
    sessions.start(ids[0], &full).await.unwrap();
    sessions.start(ids[1], &plain).await.unwrap();
    sessions.start(ids[2], &full).await.unwrap();
    let theirs = session(neighbour);
    sessions.start(next_door, &theirs).await.unwrap();
    assert_eq!(sessions.find(ids[1]).await.unwrap(), Some(plain.clone()));

    let mut listed = sessions.of(user).await.unwrap();
    listed.sort_by_key(|(id, _)| ids.iter().position(|other| other == id));
    let all = [
        (ids[0], full.clone()),
        (ids[1], plain.clone()),
        (ids[2], full),
    ];
    assert_eq!(listed, all, "all of one's own, whole, and nobody else's");

    sessions.end(ids[0]).await.unwrap();
    assert_eq!(sessions.of(user).await.unwrap().len(), 2, "ended is gone");
    sessions.end_others(ids[1]).await.unwrap();
    let kept = [(ids[1], plain.clone())];
    assert_eq!(sessions.of(user).await.unwrap(), kept, "but for one");
    for id in [ids[0], ids[2]] {
        assert_eq!(sessions.find(id).await.unwrap(), None);
        let later = plain.ends;
        sessions.extend(id, plain.seen, later).await.unwrap();
        assert_eq!(sessions.find(id).await.unwrap(), None, "and stay so");
    }
    assert_eq!(sessions.find(next_door).await.unwrap(), Some(theirs));

    sessions.end_others(session_id(user)).await.unwrap();
    assert_eq!(sessions.of(user).await.unwrap(), [], "one that is none");
}

/// Ending all sessions of a user while they are looked for and extended and others start: `rounds` times, each in an
/// order of its own. The store knows the account.
pub async fn ending_all_in_the_middle(sessions: &impl Sessions, user: UserId, rounds: usize) {
    for _ in 0..rounds {
        let session = session(user);
        let later = session.expires + Duration::from_mins(10);
        let before: Vec<SessionId> = (0..3).map(|_| session_id(user)).collect();
        let meanwhile: Vec<SessionId> = (0..3).map(|_| session_id(user)).collect();
        for id in &before {
            sessions.start(*id, &session).await.unwrap();
        }

        let answered = Cell::new(false);
        let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        tasks.push(Box::pin(async {
            stand_back(2).await;
            sessions.end_all(user).await.unwrap();
            answered.set(true);
        }));
        for id in &before {
            tasks.push(Box::pin(async {
                for _ in 0..4 {
                    stand_back(3).await;
                    let too_late = answered.get();
                    let found = sessions.find(*id).await.unwrap();
                    assert!(!too_late || found.is_none(), "found after it had ended");
                    sessions.extend(*id, later, later).await.unwrap();
                }
            }));
        }
        for id in &meanwhile {
            tasks.push(Box::pin(async {
                stand_back(6).await;
                sessions.start(*id, &session).await.unwrap();
            }));
        }
        tasks.sort_by_cached_key(|_| random(u8::MAX));
        join_all(tasks).await;

        for id in before {
            assert_eq!(sessions.find(id).await.unwrap(), None, "revived");
        }
        sessions.end_all(user).await.unwrap();
        for id in meanwhile {
            assert_eq!(sessions.find(id).await.unwrap(), None, "escaped");
        }
    }
}

/// Lets the others go first, up to `times` times.
async fn stand_back(times: u8) {
    for _ in 0..random(times) {
        let mut passed = false;
        poll_fn(|context| {
            if std::mem::replace(&mut passed, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// From 0 to `most`.
fn random(most: u8) -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).unwrap();
    u8::try_from(u16::from(byte[0]) % (u16::from(most) + 1)).unwrap()
}

/// The promises of [`Passwords`].
pub async fn passwords(passwords: &impl Passwords) {
    let right = Password::parse("correct horse battery").unwrap();
    let hash = passwords.hash(right.clone()).await.unwrap();
    let twin = passwords.hash(right.clone()).await.unwrap();
    assert_ne!(hash, twin, "each hash has a salt of its own");
    assert!(passwords.is_current(&hash));
    assert!(passwords.knows(&hash));

    assert!(
        passwords
            .verify(right.clone(), Some(hash.clone()))
            .await
            .unwrap()
    );
    for wrong in [
        "correct horse batter",
        "correct horse batteryx",
        "Correct horse battery",
        "correct horse battery ",
    ] {
        let wrong = Password::parse(wrong).unwrap();
        assert!(!passwords.verify(wrong, Some(hash.clone())).await.unwrap());
    }
    assert!(
        !passwords.verify(right.clone(), None).await.unwrap(),
        "nobody has no password"
    );

    let long = Password::parse(&"ü".repeat(512)).unwrap();
    let cut = Password::parse(&"ü".repeat(511)).unwrap();
    let hash = passwords.hash(long.clone()).await.unwrap();
    assert!(passwords.verify(long, Some(hash.clone())).await.unwrap());
    assert!(
        !passwords.verify(cut, Some(hash)).await.unwrap(),
        "nothing is cut"
    );

    for broken in [
        "",
        "x",
        "$argon2id$",
        "$2b$12$abc",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA",
        // Four TiB of memory, and years of work.
        "$argon2id$v=19$m=4294967295,t=1,p=1$UOMt1xCEsK4P2YYfKhyimQ$MjyG9bqOPzvYVIWzzB34QPYSP1RaOIKvWe/1qY90L+s",
        "$argon2id$v=19$m=64,t=4294967295,p=1$UOMt1xCEsK4P2YYfKhyimQ$MjyG9bqOPzvYVIWzzB34QPYSP1RaOIKvWe/1qY90L+s",
    ] {
        let hash = PasswordHash::new(broken.into());
        assert!(!passwords.is_current(&hash));
        assert!(!passwords.knows(&hash));
        let outcome = passwords.verify(right.clone(), Some(hash)).await;
        assert!(
            outcome.is_err(),
            "{broken:?} verifies nothing, and panics on nobody"
        );
    }
}
