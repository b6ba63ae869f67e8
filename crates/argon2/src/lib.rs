//! Passwords hashed with Argon2id, on threads of their own; and Werkzeug's hashes verified, until Argon2id replaces them.
//!
//! There are as many hashing threads as cores and a budget of memory allow; while there is work each keeps its memory, so
//! that no hash waits for the system to hand out and zero fresh pages. They run at low priority, so that pages stay fast. What
//! waits for a thread is bounded too; beyond that, callers are told at once.

mod pepper;
mod queue;
mod stored;
mod werkzeug;

use argon2::password_hash::phc::Output;
use argon2::{Algorithm, Argon2, KeyId, Params, ParamsBuilder, Version};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::oneshot;
use vestibule_domain::ports::Passwords;
use vestibule_domain::{Outage, Password, PasswordHash};

use crate::pepper::Peppers;
use crate::queue::{Answer, Memory, Queue};
use crate::stored::{Stored, write};
use crate::werkzeug::Werkzeug;

/// [`Passwords`] by Argon2id, version 0x13.
pub struct Argon2Passwords {
    cost: Cost,
    peppers: Peppers,
    queue: Queue,
}

/// How hashes are made. A [`Cost`] alone has 512 MiB and no pepper.
#[derive(Debug, Clone)]
pub struct Options {
    /// What one costs.
    pub cost: Cost,
    /// The memory that all hashes together may take, in KiB. What a stored hash asks for beyond that it gets all the same,
    /// one hash at a time.
    pub budget_kib: u64,
    /// Secrets that go into every hash, kept apart from the hashes: the first into new ones, the others were in old ones.
    /// Without one they are plain.
    pub peppers: Vec<SecretString>,
}

impl From<Cost> for Options {
    fn from(cost: Cost) -> Self {
        Self {
            cost,
            budget_kib: 512 * 1024,
            peppers: Vec::new(),
        }
    }
}

impl Options {
    /// As many as the budget has memory for, but no more than cores, and at least one.
    fn threads(&self, cores: usize) -> usize {
        let fit = self.budget_kib / u64::from(self.cost.memory_kib.max(1));
        usize::try_from(fit).unwrap_or(cores).clamp(1, cores.max(1))
    }
}

/// What one hash costs. The adapter takes any cost that Argon2 itself allows; what is enough is for the config to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB; at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes. They run one after another, on the one thread that hashes.
    pub parallelism: u32,
}

/// Why there is no hasher.
#[derive(Debug, Error)]
pub enum SetupError {
    /// Argon2 does not know such a cost.
    #[error("Argon2 has no such cost: {0}")]
    Cost(argon2::Error),
    /// The system gives no thread.
    #[error("no thread for hashing: {0}")]
    Thread(std::io::Error),
}

/// Bytes of a salt and of a tag. Source: RFC 9106 section 4, 128 and 256 bits.
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

impl Argon2Passwords {
    /// Starts the hashing threads. They end with this value.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(options: impl Into<Options>) -> Result<Self, SetupError> {
        let options = options.into();
        let cost = options.cost;
        cost.params(KeyId::EMPTY).map_err(SetupError::Cost)?;
        let queue = Queue::new(&options).map_err(SetupError::Thread)?;
        Ok(Self {
            cost,
            peppers: Peppers::new(options.peppers),
            queue,
        })
    }

    /// How many hashes are computed at the same time.
    pub fn threads(&self) -> usize {
        self.queue.threads()
    }

    /// What new hashes are made with.
    fn params(&self) -> Result<Params, argon2::Error> {
        self.cost.params(self.peppers.key_id()?)
    }

    /// Runs `task` on a hashing thread.
    async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Memory) -> Result<T, argon2::Error> + Send + 'static,
    ) -> Result<T, Outage> {
        const DURING: &str = "hashing a password";
        let (answer, outcome) = oneshot::channel();
        let job = Box::new(move |memory: &mut Memory| -> Answer {
            // Whoever asked may have gone: then the work is spared.
            let outcome = (!answer.is_closed()).then(|| task(memory));
            Box::new(|| {
                if let Some(outcome) = outcome {
                    // It fails only when they went meanwhile.
                    let _ = answer.send(outcome);
                }
            })
        });
        if !self.queue.push(job) {
            let why = "too many passwords are waiting to be hashed";
            return Err(Outage::during(DURING)(why));
        }
        outcome
            .await
            .map_err(|_| Outage::during(DURING)("the hashing thread broke off"))?
            .map_err(|e| Outage::during(DURING)(e.to_string()))
    }
}

impl Cost {
    fn params(self, key_id: KeyId) -> Result<Params, argon2::Error> {
        ParamsBuilder::new()
            .m_cost(self.memory_kib)
            .t_cost(self.iterations)
            .p_cost(self.parallelism)
            .output_len(TAG_BYTES)
            .keyid(key_id)
            .build()
    }
}

fn tag(
    params: Params,
    pepper: Option<&SecretString>,
    password: &Password,
    salt: &[u8],
    memory: &mut Memory,
) -> Result<[u8; TAG_BYTES], argon2::Error> {
    let mut tag = [0; TAG_BYTES];
    memory.with(params.block_count(), |blocks| {
        let pepper = pepper.map_or(&[][..], |pepper| pepper.expose_secret().as_bytes());
        Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)?
            .hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut tag, blocks)
    })?;
    Ok(tag)
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, Outage> {
        const DURING: &str = "making a password hash";
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(Outage::during(DURING))?;
        let params = self
            .params()
            .map_err(|e| Outage::during(DURING)(e.to_string()))?;
        let pepper = self.peppers.of(&params).map_err(Outage::during(DURING))?;
        let tag = self
            .run({
                let params = params.clone();
                move |memory| tag(params, pepper.as_ref(), &password, &salt, memory)
            })
            .await?;
        write(&params, &salt, &tag).map_err(|e| Outage::during(DURING)(e.to_string()))
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Outage> {
        const DURING: &str = "reading a password hash";
        if let Some(theirs) = hash.as_ref().and_then(Werkzeug::read) {
            return self
                .run(move |memory| {
                    Ok(memory.without(theirs.memory_kib(), || theirs.matches(&password)))
                })
                .await;
        }
        let stored = hash
            .as_ref()
            .map(Stored::read)
            .transpose()
            .map_err(Outage::during(DURING))?;
        // One hash whoever it is for: only what it is compared with differs.
        let (params, salt, expected) = if let Some(Stored { params, salt, tag }) = stored {
            (params, salt, Some(tag))
        } else {
            let ours = self.params();
            let ours = ours.map_err(|e| Outage::during(DURING)(e.to_string()))?;
            (ours, vec![0; SALT_BYTES], None)
        };
        let pepper = self.peppers.of(&params).map_err(Outage::during(DURING))?;
        let tag = self
            .run(move |memory| tag(params, pepper.as_ref(), &password, &salt, memory))
            .await?;
        // `Output` compares in constant time.
        let tag = Output::new(&tag).map_err(|e| Outage::during(DURING)(e.to_string()))?;
        Ok(expected.is_some_and(|expected| expected == tag))
    }

    fn knows(&self, hash: &PasswordHash) -> bool {
        let has_pepper = |stored: Stored| self.peppers.of(&stored.params).is_ok();
        Werkzeug::read(hash).is_some() || Stored::read(hash).is_ok_and(has_pepper)
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        Stored::read(hash).is_ok_and(|stored| {
            let of = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost(), p.keyid().to_vec());
            self.params()
                .is_ok_and(|ours| of(&ours) == of(&stored.params))
                && stored.salt.len() == SALT_BYTES
        })
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_threads_as_cores_and_budget_allow_and_always_one() {
        let cost = Cost {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
        };
        for (budget_mib, cores, threads) in [
            (512, 2, 2),
            (512, 8, 8),
            (512, 64, 26),
            (38, 8, 2),
            (37, 8, 1),
            (1, 8, 1),
            (0, 1, 1),
        ] {
            let options = Options {
                budget_kib: budget_mib * 1024,
                ..cost.into()
            };
            assert_eq!(options.threads(cores), threads, "{budget_mib} MiB, {cores}");
        }
    }
}
