//! What is kept for a time only goes by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::{App, PASSWORD, cheap};

#[rocket::async_test]
async fn all_that_is_too_old_goes_in_one_round() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let mut stranger = app.visitor();
    stranger.login("ada", "wrong horse battery").await;
    let fields = [("act", "add"), ("email", "ada@example.com")];
    ada.submit("/account/emails", &fields).await;
    assert!(!app.mail().await.is_empty(), "with links");
    let fields = [("username", "ada"), ("password", PASSWORD)];
    ada.submit("/account/delete", &fields).await;
    app.member("bob").await;
    app.events_are_kept().await;

    let counts = |round: Vec<vestibule_domain::Cleaned>| -> BTreeMap<_, _> {
        round
            .into_iter()
            .map(|cleaned| {
                assert!(cleaned.outage.is_none(), "{cleaned:?}");
                (cleaned.what, cleaned.count)
            })
            .collect()
    };
    let young = counts(app.clean_up().await);
    assert!(young.values().all(|count| *count == 0), "{young:?}");
    app.pass(Duration::from_hours(24 * 8));
    let first = counts(app.clean_up().await);
    assert!(first["links"] >= 1, "{first:?}");
    assert_eq!(first["accounts that their owners wanted to go"], 1);
    assert_eq!(first["reserved names"], 0);
    if cheap().sessions.url.is_none() {
        assert!(first["sessions"] >= 1, "{first:?}");
        assert!(first["attempts"] >= 2, "{first:?}");
    }
    // So long the name of who left is nobody's, and what happened is told.
    app.events_are_kept().await;
    app.pass(Duration::from_hours(24 * 91));
    let second = counts(app.clean_up().await);
    assert!(second["events"] >= 5, "{second:?}");
    assert_eq!(second["reserved names"], 1);
    let third = counts(app.clean_up().await);
    assert!(third.values().all(|count| *count == 0), "{third:?}");
}

/// One instance cleans, until it is gone.
#[rocket::async_test]
async fn of_two_instances_one_cleans_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = cheap();
    if config.sessions.url.is_none() {
        let file = folder.path().join("vestibule.db");
        config.database.url = format!("sqlite://{}?mode=rwc", file.display()).into();
    }
    let (one, other) = (App::with(&config).await, App::with(&config).await);
    assert!(!one.clean_up().await.is_empty());
    assert!(other.clean_up().await.is_empty());
    for app in [&one, &other] {
        app.pass(Duration::from_mins(2));
    }
    assert!(!one.clean_up().await.is_empty());
    for app in [&one, &other] {
        app.pass(Duration::from_mins(3));
    }
    assert!(!other.clean_up().await.is_empty(), "the one was silent");
    assert!(one.clean_up().await.is_empty());
}
