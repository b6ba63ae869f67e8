use argon2::{KeyId, Params};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The secrets that go into every hash and are kept apart from the database: whoever has the hashes alone cannot even
/// try passwords. The first makes new hashes, the others verify old ones.
///
/// Source: NIST SP 800-63B-4 section 3.1.1.2, a keyed hash with the key kept apart; RFC 9106 section 3.1, the secret
/// value K.
pub(crate) struct Peppers(Vec<Pepper>);

#[derive(Clone)]
struct Pepper {
    /// What a hash says of the pepper that it was made with: enough to tell ours apart, nothing to guess it by.
    id: [u8; ID_BYTES],
    secret: SecretString,
}

const ID_BYTES: usize = 6;

#[derive(Debug, Error)]
#[error(
    "it was made with a pepper that passwords.pepper does not have; without that one nobody can verify it"
)]
pub(crate) struct Missing;

impl Peppers {
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        let pepper = |secret: SecretString| {
            let digest = Sha256::new()
                .chain_update("vestibule pepper\0")
                .chain_update(secret.expose_secret())
                .finalize();
            Pepper {
                id: std::array::from_fn(|n| digest[n]),
                secret,
            }
        };
        Self(secrets.into_iter().map(pepper).collect())
    }

    /// What new hashes say of the pepper that they are made with; empty without one.
    pub(crate) fn key_id(&self) -> Result<KeyId, argon2::Error> {
        match self.0.first() {
            Some(pepper) => KeyId::new(&pepper.id),
            None => Ok(KeyId::EMPTY),
        }
    }

    /// The pepper that a hash of these parameters was made with; `None` when it was made without.
    pub(crate) fn of(&self, params: &Params) -> Result<Option<SecretString>, Missing> {
        if params.keyid().is_empty() {
            return Ok(None);
        }
        let ours = self.0.iter().find(|pepper| pepper.id == params.keyid());
        ours.map(|pepper| Some(pepper.secret.clone()))
            .ok_or(Missing)
    }
}
