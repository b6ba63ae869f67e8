use std::time::Duration;

use futures_util::future::join_all;

use super::{NOW, user};
use crate::ports::{AddEmailError, Emails, Expiring, Links, Outbox, Users, VerifyEmailError};
use crate::{
    Browser, Email, EmailAddress, Letter, LetterId, LetterKind, Link, LinkToken, PasswordHash,
    Purpose, UserId, Waiting,
};

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("a lawful address")
}

fn letter(kind: LetterKind, user: UserId, to: &str, secs: u32) -> Letter {
    Letter {
        browser: Some("Firefox on Linux".to_owned()),
        from: Some("203.0.113.7".to_owned()),
        about: Some(address("other@example.com")),
        since: NOW - SECOND * secs,
        ..Letter::new(
            kind,
            user,
            address(to),
            NOW + SECOND * secs,
            &Browser::default(),
        )
    }
}

/// The promises of [`Emails`], and that letters are put in the step that they tell of. Give it empty stores of one database.
pub async fn emails(users: &impl Users, emails: &impl Emails, outbox: &impl Outbox) {
    claiming(users, emails, outbox).await;
    restoring(users, emails, outbox).await;
}

/// Takes out all that was put, and gives its names.
async fn put(outbox: &impl Outbox) -> Vec<LetterId> {
    let far = NOW + SECOND * 1000;
    let mut ids = Vec::new();
    while let Some((waiting, _)) = outbox.take(far, far + SECOND).await.unwrap() {
        outbox.remove(waiting.id()).await.unwrap();
        ids.push(waiting.id());
    }
    ids
}

async fn claiming(users: &impl Users, emails: &impl Emails, outbox: &impl Outbox) {
    let (ada, bob) = (user("ada"), user("bob"));
    for user in [&ada, &bob] {
        users.add(user).await.unwrap();
    }
    let (one, two) = (address("Ada@example.com"), address("ada@example.org"));

    assert!(emails.of(ada.id).await.unwrap().is_empty());
    let asked = letter(LetterKind::Verify, ada.id, "Ada@example.com", 0);
    emails
        .add(ada.id, &one, NOW, std::slice::from_ref(&asked))
        .await
        .unwrap();
    assert_eq!(put(outbox).await, [asked.id]);
    let unverified = Email {
        address: one.clone(),
        added: NOW,
        verified: None,
    };
    assert_eq!(emails.of(ada.id).await.unwrap(), [unverified]);
    assert_eq!(
        emails.owner(&one).await.unwrap(),
        None,
        "it does not count yet"
    );

    let (same, letters) = (address("ADA@example.com"), std::slice::from_ref(&asked));
    let again = emails.add(ada.id, &same, NOW, letters);
    assert!(matches!(again.await, Err(AddEmailError::There)));
    emails.add(ada.id, &two, NOW + SECOND, &[]).await.unwrap();
    let third = address("ada@example.net");
    let more = emails.add(ada.id, &third, NOW, letters);
    assert!(matches!(more.await, Err(AddEmailError::TooMany)));
    assert!(
        put(outbox).await.is_empty(),
        "nothing was done, nothing is told"
    );

    // Anybody may claim it, and who shows it first has it.
    let bobs = address("ada@EXAMPLE.com");
    emails.add(bob.id, &bobs, NOW, &[]).await.unwrap();
    let told = letter(LetterKind::AddressAdded, ada.id, "ada@example.org", 1);
    let verified = NOW + SECOND * 2;
    emails
        .verify(ada.id, &one, verified, std::slice::from_ref(&told))
        .await
        .unwrap();
    assert_eq!(put(outbox).await, [told.id]);
    assert_eq!(emails.owner(&bobs).await.unwrap(), Some(ada.id));
    let taken = emails.verify(bob.id, &bobs, NOW, std::slice::from_ref(&told));
    assert!(matches!(taken.await, Err(VerifyEmailError::Taken)));
    emails
        .verify(ada.id, &one, NOW, std::slice::from_ref(&told))
        .await
        .unwrap();
    let nobodys = emails.verify(bob.id, &two, NOW, std::slice::from_ref(&told));
    assert!(matches!(nobodys.await, Err(VerifyEmailError::NotThere)));
    assert!(put(outbox).await.is_empty());
    let all = emails.of(ada.id).await.unwrap();
    assert_eq!(all[0].verified, Some(verified), "once is enough");
    assert_eq!((&all[1].address, all[1].verified), (&two, None));

    let told = letter(LetterKind::AddressRemoved, ada.id, "ada@example.com", 3);
    let letters = std::slice::from_ref(&told);
    assert!(!emails.remove(bob.id, &two, letters).await.unwrap());
    assert!(put(outbox).await.is_empty());
    assert!(emails.remove(ada.id, &one, letters).await.unwrap());
    assert_eq!(put(outbox).await, [told.id]);
    assert_eq!(emails.owner(&one).await.unwrap(), None);

    // A place is free again, and the older one is told from it by its age alone.
    let late = address("late@example.com");
    emails
        .add(ada.id, &late, NOW + SECOND * 9, &[])
        .await
        .unwrap();
    let all = emails.of(ada.id).await.unwrap();
    let all: Vec<_> = all.iter().map(|email| &email.address).collect();
    assert_eq!(all, [&two, &late], "the oldest first");
}

async fn restoring(users: &impl Users, emails: &impl Emails, outbox: &impl Outbox) {
    let (carol, dave) = (user("carol"), user("dave"));
    for user in [&carol, &dave] {
        users.add(user).await.unwrap();
    }
    let (one, two) = (address("carol@example.com"), address("carol@example.org"));
    let daves = address("CAROL@example.com");
    let late = address("late@example.net");
    let told = letter(LetterKind::AddressRemoved, carol.id, "carol@example.com", 3);
    let letters = std::slice::from_ref(&told);
    emails.add(dave.id, &daves, NOW, &[]).await.unwrap();
    for (address, secs) in [(&two, 1), (&late, 9)] {
        let at = NOW + SECOND * secs;
        emails.add(carol.id, address, at, &[]).await.unwrap();
    }

    // What was removed comes back, and what came after it goes.
    let at = NOW + SECOND * 20;
    emails
        .restore(
            carol.id,
            &one,
            NOW + SECOND * 5,
            at,
            std::slice::from_ref(&told),
        )
        .await
        .unwrap();
    assert_eq!(put(outbox).await, [told.id]);
    let all = emails.of(carol.id).await.unwrap();
    let all: Vec<_> = all
        .iter()
        .map(|email| (&email.address, email.verified))
        .collect();
    assert_eq!(all, [(&two, None), (&one, Some(at))]);
    assert_eq!(emails.owner(&one).await.unwrap(), Some(carol.id));

    // Both go where both came since; one that is there is not doubled; an unverified one counts from then on.
    emails.restore(carol.id, &one, NOW, at, &[]).await.unwrap();
    let all = emails.of(carol.id).await.unwrap();
    let all: Vec<_> = all.iter().map(|email| &email.address).collect();
    assert_eq!(all, [&one]);
    let taken = emails.restore(dave.id, &daves, NOW + SECOND, at, letters);
    assert!(matches!(taken.await, Err(VerifyEmailError::Taken)));
    assert!(put(outbox).await.is_empty());
    assert_eq!(
        emails.of(dave.id).await.unwrap().len(),
        1,
        "and nothing went"
    );

    // Of any number who want it at once, one has it.
    let wanted = address("wanted@example.com");
    emails.remove(carol.id, &one, &[]).await.unwrap();
    for user in [&carol, &dave] {
        emails.add(user.id, &wanted, NOW, &[]).await.unwrap();
    }
    let wishes = [&carol, &dave].map(|user| emails.verify(user.id, &wanted, NOW, &[]));
    let outcomes = join_all(wishes).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");

    // Letters that tell of a new password go with it.
    let told = letter(
        LetterKind::PasswordChanged,
        carol.id,
        "carol@example.com",
        30,
    );
    let letters = std::slice::from_ref(&told);
    let new = PasswordHash::new("$argon2id$new".into());
    let changed = users.change_password(carol.id, None, &new, letters);
    assert!(!changed.await.unwrap());
    assert!(put(outbox).await.is_empty());
    let changed = users.change_password(carol.id, carol.password.clone(), &new, letters);
    assert!(changed.await.unwrap());
    assert_eq!(put(outbox).await, [told.id]);
}

/// The promises of [`Links`]. Give it empty stores of one database.
pub async fn links(users: &impl Users, links: &(impl Links + Expiring)) {
    let (ada, bob) = (user("ada"), user("bob"));
    for user in [&ada, &bob] {
        users.add(user).await.unwrap();
    }
    let link = |user, purpose: Purpose| Link {
        purpose,
        user,
        address: (purpose != Purpose::Undo).then(|| address("Ada@example.com")),
        since: NOW - SECOND,
        expires: NOW + purpose.lasts(),
    };
    let keep = async |link: &Link| {
        let id = LinkToken::random().unwrap().id(link.purpose);
        links.add(id, link).await.unwrap();
        id
    };

    let handed = link(ada.id, Purpose::Undo);
    let id = keep(&handed).await;
    assert_eq!(links.find(id).await.unwrap(), Some(handed));
    links.end(ada.id, Purpose::Undo).await.unwrap();

    let verify = link(ada.id, Purpose::Verify);
    let id = keep(&verify).await;
    assert_eq!(links.find(id).await.unwrap(), Some(verify.clone()));
    let other = LinkToken::random().unwrap().id(Purpose::Verify);
    assert_eq!(links.find(other).await.unwrap(), None);
    let second = keep(&verify).await;
    assert!(
        links.find(id).await.unwrap().is_some(),
        "both lead to the same"
    );

    // Of any number who take it at once, one has it.
    let taken = join_all((0..8).map(|_| links.take(id))).await;
    let won = taken.into_iter().filter(|taken| *taken.as_ref().unwrap());
    assert_eq!(won.count(), 1);
    assert_eq!(links.find(id).await.unwrap(), None);
    assert!(links.find(second).await.unwrap().is_some());

    let first = keep(&link(ada.id, Purpose::Reset)).await;
    let bobs = keep(&link(bob.id, Purpose::Reset)).await;
    let newest = keep(&link(ada.id, Purpose::Reset)).await;
    assert_eq!(
        links.find(first).await.unwrap(),
        None,
        "the newest alone is good"
    );
    assert!(!links.take(first).await.unwrap());
    for still in [bobs, newest, second] {
        assert!(links.find(still).await.unwrap().is_some());
    }
    links.end(ada.id, Purpose::Reset).await.unwrap();
    assert_eq!(links.find(newest).await.unwrap(), None);
    for still in [bobs, second] {
        assert!(links.find(still).await.unwrap().is_some());
    }

    let end = NOW + Purpose::Reset.lasts();
    assert_eq!(links.forget(end - SECOND).await.unwrap(), 0);
    assert_eq!(links.forget(end).await.unwrap(), 1);
    assert_eq!(links.find(bobs).await.unwrap(), None);
    assert!(links.find(second).await.unwrap().is_some());
}

/// The promises of [`Outbox`]. Give it empty stores of one database.
pub async fn outbox(users: &impl Users, outbox: &impl Outbox) {
    let ada = user("ada");
    users.add(&ada).await.unwrap();
    let until = NOW + SECOND * 100;
    let take = async |secs: u32| outbox.take(NOW + SECOND * secs, until).await.unwrap();

    assert_eq!(take(0).await, None);
    let letters: Vec<_> = LetterKind::ALL
        .into_iter()
        .zip(1..)
        .map(|(kind, secs)| Waiting::Letter(letter(kind, ada.id, "Ada@example.com", secs)))
        .collect();
    // The order in which they come is not that in which they are due.
    for waiting in letters.iter().rev() {
        outbox.put(waiting).await.unwrap();
    }
    assert_eq!(take(0).await, None, "none is due");
    let count = u32::try_from(letters.len()).unwrap();
    for waiting in &letters {
        assert_eq!(take(count).await, Some((waiting.clone(), 0)), "whole");
    }
    assert_eq!(take(count).await, None, "they were taken");
    assert_eq!(take(99).await, None);
    let again = outbox.take(until, until + SECOND).await.unwrap();
    assert_eq!(
        again,
        Some((letters[0].clone(), 1)),
        "who took it did not say that it went"
    );

    for waiting in &letters {
        outbox.remove(waiting.id()).await.unwrap();
    }
    assert_eq!(outbox.take(until, until).await.unwrap(), None);
    outbox.remove(LetterId::new()).await.unwrap();

    let wish = Waiting::Wish {
        id: LetterId::new(),
        typed: "ada".to_owned(),
        at: NOW,
        browser: None,
        from: Some("::1".to_owned()),
    };
    outbox.put(&wish).await.unwrap();
    assert_eq!(take(0).await, Some((wish.clone(), 0)));
    let granted = Waiting::Letter(Letter {
        id: wish.id(),
        ..letter(LetterKind::Reset, ada.id, "ada@example.com", 0)
    });
    outbox.put(&granted).await.unwrap();
    assert_eq!(
        take(0).await,
        Some((granted.clone(), 0)),
        "it takes the other's place"
    );
    outbox
        .put_off(granted.id(), NOW + SECOND * 50)
        .await
        .unwrap();
    assert_eq!(take(49).await, None);
    assert_eq!(take(50).await, Some((granted.clone(), 1)));
    outbox.remove(granted.id()).await.unwrap();

    // Of any number who take at once, each gets another.
    for waiting in &letters {
        outbox.put(waiting).await.unwrap();
    }
    let now = NOW + SECOND * count;
    let taken = join_all((0..12).map(|_| outbox.take(now, until))).await;
    let mut ids: Vec<_> = taken
        .into_iter()
        .filter_map(|taken| taken.unwrap().map(|(waiting, _)| waiting.id().0))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), letters.len());
}
