use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Builder;

use crate::ports::{AddUserError, Clock, Passwords, Users};
use crate::{NotAUsername, Outage, PasswordHash, User, UserId, Username};

/// Taking in the accounts of another program, each with the password that its owner has.
pub struct Import {
    /// Where they come to.
    pub users: Arc<dyn Users>,
    /// What must be able to check their passwords.
    pub passwords: Arc<dyn Passwords>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What became of an account that is fit to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It came in now.
    New,
    /// It had come in before. Nothing was changed: its owner may have signed in since, and has a new hash then.
    Already,
}

/// Why an account did not come in, in words for the operator.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Nobody could sign in by its name.
    #[error("{0}")]
    NotAUsername(#[from] NotAUsername),
    /// Nobody's password could be checked against its hash.
    #[error("Its password hash is of a kind, or at a cost, that is not known here.")]
    UnknownHash,
    /// Another account has its name, be it one that was made here, or one that came in and differs in capitals alone.
    #[error("Another account has the username {0}.")]
    UsernameTaken(Username),
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Import {
    /// Takes in the account that `name` and `hash` are of. Done again it changes nothing, whatever became of the account
    /// here; an account that is there already is never changed.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn account(&self, name: &str, hash: &str) -> Result<Imported, ImportError> {
        let username = Username::parse(name)?;
        let password = PasswordHash::new(hash.to_owned());
        if !self.passwords.knows(&password) {
            return Err(ImportError::UnknownHash);
        }

        let user = User {
            id: id_of(name, hash),
            username,
            password: Some(password),
            since: self.clock.now(),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        };
        if let Some(there) = self.users.find_by_username(&user.username).await? {
            return same(&there, &user);
        }
        match self.users.add(&user).await {
            Ok(()) => Ok(Imported::New),
            Err(AddUserError::Outage(outage)) => Err(outage.into()),
            // Somebody was quicker: perhaps this very import, run twice at once.
            Err(AddUserError::UsernameTaken) => {
                match self.users.find_by_username(&user.username).await? {
                    Some(there) => same(&there, &user),
                    None => Err(ImportError::UsernameTaken(user.username)),
                }
            }
        }
    }
}

fn same(there: &User, user: &User) -> Result<Imported, ImportError> {
    if there.id == user.id {
        Ok(Imported::Already)
    } else {
        Err(ImportError::UsernameTaken(user.username.clone()))
    }
}

/// The id that an account gets on its way in: the same each time, so that it is known again when its hash has been
/// replaced; and another one for every other account, since the salt in `hash` is random. Source of the version, 8: RFC
/// 9562 section 5.8.
fn id_of(name: &str, hash: &str) -> UserId {
    let digest = Sha256::new()
        .chain_update("vestibule import\0")
        .chain_update(name)
        // No name has one in it: names that do are refused.
        .chain_update("\0")
        .chain_update(hash)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    UserId(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockPasswords, MockUsers};
    use mockall::Sequence;
    use time::macros::datetime;

    fn import(users: MockUsers) -> Import {
        let mut passwords = MockPasswords::new();
        passwords
            .expect_knows()
            .returning(|hash| hash.as_str() != "unknown");
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-23 12:00 UTC));
        Import {
            users: Arc::new(users),
            passwords: Arc::new(passwords),
            clock: Arc::new(clock),
        }
    }

    fn account(id: UserId, hash: &str) -> User {
        User {
            id,
            username: Username::parse("ada").unwrap(),
            password: Some(PasswordHash::new(hash.to_owned())),
            since: datetime!(2026-01-01 0:00 UTC),
            last_login: None,
            previous_login: None,
            disabled: None,
            leaves: None,
        }
    }

    /// Mocks may not be told to add: whatever happens, `there` stays as it is.
    fn knows(there: User) -> MockUsers {
        let mut users = MockUsers::new();
        users
            .expect_find_by_username()
            .return_once(|_| Ok(Some(there)));
        users
    }

    #[tokio::test]
    async fn an_account_comes_in_with_its_name_folded_and_its_hash_as_it_is() {
        let mut users = MockUsers::new();
        users.expect_find_by_username().return_once(|_| Ok(None));
        users
            .expect_add()
            .withf(|user| {
                user.username.as_str() == "ada"
                    && user.password == Some(PasswordHash::new("hash".into()))
                    && user.since == datetime!(2026-11-23 12:00 UTC)
                    && user.last_login.is_none()
            })
            .once()
            .return_once(|_| Ok(()));
        let outcome = import(users).account("Ada", "hash").await;
        assert_eq!(outcome.unwrap(), Imported::New);
    }

    #[tokio::test]
    async fn one_that_came_before_is_known_again_though_its_hash_is_a_new_one() {
        for hash in ["hash", "replaced"] {
            let there = account(id_of("Ada", "hash"), hash);
            let outcome = import(knows(there)).account("Ada", "hash").await;
            assert_eq!(outcome.unwrap(), Imported::Already);
        }
    }

    #[tokio::test]
    async fn whoever_else_has_the_name_keeps_it() {
        for other in [
            UserId::new(),
            id_of("ada", "hash"),
            id_of("Ada", "other hash"),
        ] {
            let there = account(other, "hash");
            let outcome = import(knows(there)).account("Ada", "hash").await;
            let Err(ImportError::UsernameTaken(name)) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(name.as_str(), "ada");
        }
    }

    #[tokio::test]
    async fn who_loses_a_race_for_the_name_is_told_apart_from_an_import_run_twice() {
        for (winner, ours) in [(UserId::new(), false), (id_of("Ada", "hash"), true)] {
            let mut users = MockUsers::new();
            let mut order = Sequence::new();
            users
                .expect_find_by_username()
                .once()
                .in_sequence(&mut order)
                .return_once(|_| Ok(None));
            users
                .expect_add()
                .once()
                .in_sequence(&mut order)
                .return_once(|_| Err(AddUserError::UsernameTaken));
            users
                .expect_find_by_username()
                .once()
                .in_sequence(&mut order)
                .return_once(move |_| Ok(Some(account(winner, "hash"))));
            let outcome = import(users).account("Ada", "hash").await;
            assert_eq!(matches!(outcome, Ok(Imported::Already)), ours);
            assert_eq!(matches!(outcome, Err(ImportError::UsernameTaken(_))), !ours);
        }
    }

    #[tokio::test]
    async fn what_nobody_could_sign_in_with_asks_no_store() {
        let import = import(MockUsers::new());
        let outcome = import.account("José", "hash").await;
        assert!(matches!(
            outcome,
            Err(ImportError::NotAUsername(NotAUsername::Character))
        ));
        let outcome = import.account("ada", "unknown").await;
        assert!(matches!(outcome, Err(ImportError::UnknownHash)));
    }
}
