//! Many people at one instance, who all ask at once, round after round.

use std::cell::Cell;

use tokio::task::JoinSet;

use super::instance::{Instance, dashboard, logged_out, login, was_sent_to_login};
use crate::http::Person;

pub(crate) struct People {
    /// Signed in.
    members: Vec<(String, Person)>,
    /// Signed out, with a copy of the old cookie.
    former: Vec<Person>,
}

/// What one round found.
pub(crate) struct Round {
    /// Which members were let in; the others were told to come back.
    pub(crate) let_in: Vec<bool>,
    /// Whether all members were let in, and all others sent to the login page.
    pub(crate) all_is_well: bool,
}

impl People {
    /// Some who have been there and left, and nobody else yet.
    pub(crate) async fn at(instance: &Instance) -> Self {
        let mut former = Vec::new();
        for n in 0..6 {
            former.push(logged_out(instance, &format!("former{n}")).await);
        }
        let members = Vec::new();
        Self { members, former }
    }

    /// Registers one more member.
    pub(crate) async fn add(&mut self, instance: &Instance) {
        let name = format!("member{}", self.members.len());
        let person = instance.member(&name).await;
        self.members.push((name, person));
    }

    /// Everybody opens the dashboard; whoever is not let in is told so in the right way.
    pub(crate) async fn ask(&self, instance: &Instance) -> Round {
        let mut asked = JoinSet::new();
        for (n, (_, person)) in self.members.iter().enumerate() {
            let mut person = person.clone();
            person.move_to(instance.url());
            asked.spawn(async move {
                let page = dashboard(&mut person).await;
                match page.status {
                    200 => (Some(n), true),
                    503 => (Some(n), false),
                    status => panic!("member{n} lost a session: {status} {}", page.location()),
                }
            });
        }
        for person in &self.former {
            let mut person = person.clone();
            person.move_to(instance.url());
            asked.spawn(async move {
                let page = dashboard(&mut person).await;
                let is_out = was_sent_to_login(&page);
                assert!(is_out || page.status == 503, "let in: {}", page.status);
                (None, is_out)
            });
        }
        let answers = asked.join_all().await;
        let mut let_in = vec![false; self.members.len()];
        for (n, is_in) in &answers {
            if let Some(n) = n {
                let_in[*n] = *is_in;
            }
        }
        Round {
            let_in,
            all_is_well: answers.iter().all(|(_, well)| *well),
        }
    }

    /// Asks again and again until `other` is done, which keeps nobody out.
    pub(crate) async fn undisturbed_by<T>(
        &self,
        instance: &Instance,
        other: impl Future<Output = T>,
    ) -> T {
        let is_over = Cell::new(false);
        let other = async {
            let done = other.await;
            is_over.set(true);
            done
        };
        let rounds = async {
            while !is_over.get() {
                let round = self.ask(instance).await;
                assert!(round.all_is_well, "nobody waits for somebody else");
            }
        };
        tokio::join!(other, rounds).0
    }

    /// New sessions start for all of them.
    pub(crate) async fn all_sign_in(&self, instance: &Instance) {
        for (name, _) in &self.members {
            let mut person = instance.visitor();
            assert_eq!(login(&mut person, name).await.status, 303, "{name}");
            assert_eq!(dashboard(&mut person).await.status, 200, "{name}");
        }
    }
}
