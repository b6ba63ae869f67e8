//! Some people at one instance, and what they find while a store is gone and when it is back.

use std::time::Instant;

use tokio::task::JoinSet;

use super::clock::{HEALING, healed, in_time};
use super::instance::{Instance, dashboard, logged_out, login, register, send, was_sent_to_login};
use crate::app::PASSWORD;
use crate::http::{Page, Person};

pub(crate) struct Scene {
    instance: Instance,
    /// Signed in, with the dashboard open.
    ada: (Person, Page),
    /// As ada, and about to sign out.
    bob: (Person, Page),
    /// Signed out, with a copy of the old cookie.
    carol: Person,
    /// Has an account, is not signed in, and has the login page open.
    dave: (Person, Page),
    /// Has no account, and has the page open that would change that.
    eve: (Person, Page),
}

/// What is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Sessions,
    Accounts,
    Both,
}

/// What an account's owner can send, and what is in it.
const FORMS: [(&str, &[(&str, &str)]); 7] = [
    (
        "/account/delete",
        &[("username", "ada"), ("password", PASSWORD)],
    ),
    (
        "/account/emails",
        &[("act", "add"), ("email", "ada@example.com")],
    ),
    ("/account/keep", &[]),
    (
        "/account/password",
        &[("old", PASSWORD), ("new", "seven dry herons whistle")],
    ),
    ("/account/username", &[("username", "lovelace")]),
    ("/confirm", &[("password", PASSWORD)]),
    ("/forgot", &[("account", "ada")]),
];

impl Scene {
    pub(crate) async fn at(instance: Instance) -> Self {
        let mut ada = instance.member("ada").await;
        let mut bob = instance.member("bob").await;
        let carol = logged_out(&instance, "carol").await;
        drop(logged_out(&instance, "dave").await);
        let mut dave = instance.visitor();
        let mut eve = instance.visitor();
        let new = Self {
            ada: (ada.clone(), dashboard(&mut ada).await),
            bob: (bob.clone(), dashboard(&mut bob).await),
            carol,
            dave: (dave.clone(), in_time("a form", dave.get("/login")).await),
            eve: (eve.clone(), in_time("a form", eve.get("/register")).await),
            instance,
        };
        assert_eq!(new.ada.1.status, 200);
        assert!(new.instance.is_ready().await);
        // Visitor cookies came with the forms.
        Self {
            dave: (dave, new.dave.1),
            eve: (eve, new.eve.1),
            ..new
        }
    }

    /// Everybody tries, and is told to come back.
    pub(crate) async fn nobody_gets_in(&mut self, gone: Gone) {
        let (ada, page) = &mut self.ada;
        let cookie = ada.cookie();
        assert_eq!(dashboard(ada).await.status, 503, "{gone:?}");
        if gone != Gone::Accounts {
            for path in ["/", "/login", "/register"] {
                let page = in_time(path, ada.get(path)).await;
                assert_eq!(page.status, 503, "{gone:?}: {path}");
            }
            let left = in_time("/logout", ada.send("/logout", page, &[])).await;
            assert_eq!(left.status, 503, "{gone:?}");
        }
        assert_eq!(ada.cookie(), cookie, "nobody loses a cookie to an outage");

        let carols = dashboard(&mut self.carol.clone()).await;
        assert_eq!(
            was_sent_to_login(&carols),
            gone == Gone::Accounts,
            "{gone:?}"
        );

        let (dave, form) = &mut self.dave;
        assert_eq!(send(dave, "/login", form, "dave").await.status, 503);
        let (eve, form) = &mut self.eve;
        assert_eq!(send(eve, "/register", form, "eve").await.status, 503);

        if gone == Gone::Accounts {
            let (bob, page) = &mut self.bob;
            let copy = bob.clone();
            let left = in_time("/logout", bob.send("/logout", page, &[])).await;
            assert_eq!(left.status, 303, "leaving needs no account");
            self.bob.0 = copy;
        }
        self.no_page_of_an_account_opens(gone).await;
        assert_eq!(self.instance.status("/health/ready").await, 503);
        assert_eq!(self.instance.status("/health/live").await, 200);
        self.a_crowd_does_not_hang().await;
    }

    /// Nor does any of its forms do anything.
    async fn no_page_of_an_account_opens(&self, gone: Gone) {
        let (ada, form) = &self.ada;
        let mut visits = JoinSet::new();
        for path in [
            "/account/activity",
            "/account/delete",
            "/account/emails",
            "/account/export",
            "/account/password",
            "/account/sessions",
            "/account/username",
            "/confirm",
        ] {
            let mut ada = ada.clone();
            visits.spawn(async move { (path, in_time(path, ada.get(path)).await.status) });
        }
        for (path, fields) in FORMS {
            let (mut ada, form) = (ada.clone(), form.clone());
            visits.spawn(async move {
                let answer = ada.send(path, &form, fields);
                (path, in_time(path, answer).await.status)
            });
        }
        let mut open = visits.join_all().await;
        open.retain(|(_, status)| *status != 503);
        open.sort_unstable();
        // What only sessions know, and a form that says nothing of the account.
        let known: &[_] = match gone {
            Gone::Accounts => &[("/account/delete", 200), ("/account/sessions", 200)],
            Gone::Sessions | Gone::Both => &[],
        };
        assert_eq!(open, known, "{gone:?}");
    }

    /// More than there are connections to any store.
    async fn a_crowd_does_not_hang(&self) {
        let mut crowd = JoinSet::new();
        for n in 0..40 {
            let mut ada = self.ada.0.clone();
            let (mut dave, form) = (self.dave.0.clone(), self.dave.1.clone());
            crowd.spawn(async move {
                // Few of those: they wait for one another's hashes, whatever is gone. Of one name, no more at once than need
                // not wait.
                if n % 4 == 0 {
                    let name = format!("dave{n}");
                    send(&mut dave, "/login", &form, &name).await.status
                } else {
                    dashboard(&mut ada).await.status
                }
            });
        }
        let statuses = crowd.join_all().await;
        assert!(statuses.iter().all(|&status| status == 503), "{statuses:?}");
    }

    /// All is as it should be soon after `start`, when the store came back, and without a restart. `kept` says whether
    /// sessions are still there.
    pub(crate) async fn all_heals(mut self, gone: Gone, start: Instant, kept: bool) {
        let instance = &self.instance;
        healed("ready again", start, HEALING, async || {
            instance.is_ready().await
        })
        .await;

        let (ada, _) = &mut self.ada;
        let again = dashboard(ada).await;
        if kept {
            assert_eq!(again.status, 200, "{}", again.body);
        } else {
            assert!(was_sent_to_login(&again), "ada is asked to sign in");
            assert_eq!(login(ada, "ada").await.status, 303);
            assert_eq!(dashboard(ada).await.status, 200);
        }
        if gone == Gone::Accounts {
            let bobs = dashboard(&mut self.bob.0).await;
            assert!(was_sent_to_login(&bobs), "bob has left");
        }
        let carols = dashboard(&mut self.carol).await;
        assert!(was_sent_to_login(&carols), "carol has left");

        let (dave, form) = &mut self.dave;
        assert_eq!(send(dave, "/login", form, "dave").await.status, 303);
        assert_eq!(dashboard(dave).await.status, 200);

        // Whether her account was made or not, eve comes in by the door for it.
        let eve = &mut self.eve.0;
        let page = register(eve, "eve").await;
        match page.status {
            303 => {}
            409 => assert_eq!(login(eve, "eve").await.status, 303),
            status => panic!("{status}: {}", page.body),
        }
        assert_eq!(dashboard(eve).await.status, 200);

        let mut crowd = JoinSet::new();
        for _ in 0..40 {
            let mut ada = self.ada.0.clone();
            crowd.spawn(async move { dashboard(&mut ada).await.status });
        }
        let statuses = crowd.join_all().await;
        assert!(statuses.iter().all(|&status| status == 200), "{statuses:?}");
        assert!(
            start.elapsed() < HEALING,
            "all of it took {:?}",
            start.elapsed()
        );
        self.instance.end_in_peace();
    }
}
