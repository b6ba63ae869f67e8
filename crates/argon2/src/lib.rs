//! Passwords hashed with Argon2id, on threads of their own; and Werkzeug's hashes verified, until Argon2id replaces them.
//!
//! There is one hashing thread a core, and while there is work each keeps its memory: it is bounded by the number of
//! threads, and no hash waits for the system to hand out and zero fresh pages. What waits for a thread is bounded too;
//! beyond that, callers are told at once.

mod werkzeug;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::oneshot;
use vestibule_domain::ports::Passwords;
use vestibule_domain::{Outage, Password, PasswordHash};

use crate::werkzeug::Werkzeug;

/// [`Passwords`] by Argon2id, version 0x13.
pub struct Argon2Passwords {
    cost: Cost,
    queue: SyncSender<Job>,
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

/// How many hashes may wait for one thread: some 2 s of work at the default cost, which is as long as anybody waits for
/// a page.
const WAITING: usize = 128;

/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(30);

/// The most that a stored hash may ask for: what the config may be set to. A row that says more was not written here.
const MOST: Cost = Cost {
    memory_kib: 4 * 1024 * 1024,
    iterations: 64,
    parallelism: 64,
};

/// Bytes of a salt and of a tag. Source: RFC 9106 section 4, 128 and 256 bits.
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

impl Argon2Passwords {
    /// Starts the hashing threads. They end with this value.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(cost: Cost) -> Result<Self, SetupError> {
        cost.params().map_err(SetupError::Cost)?;
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let (queue, jobs) = sync_channel(WAITING * threads);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || work(&jobs))
                .map_err(SetupError::Thread)?;
        }
        Ok(Self { cost, queue })
    }

    /// Runs `task` on a hashing thread.
    async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Vec<Block>) -> Result<T, argon2::Error> + Send + 'static,
    ) -> Result<T, Outage> {
        const DURING: &str = "hashing a password";
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Whoever asked may have gone: then the work is spared.
            if !answer.is_closed() {
                // Sending fails only when they went meanwhile.
                let _ = answer.send(task(memory));
            }
        });
        self.queue
            .try_send(job)
            .map_err(|_| Outage::during(DURING)("too many passwords are waiting to be hashed"))?;
        outcome
            .await
            .map_err(|_| Outage::during(DURING)("the hashing thread broke off"))?
            .map_err(|e| Outage::during(DURING)(e.to_string()))
    }
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

fn work(jobs: &Mutex<Receiver<Job>>) {
    let mut memory = Vec::new();
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(IDLE);
        match job {
            Ok(job) => {
                // A panic costs its own caller an answer, and nobody else a thread.
                if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
                    memory = Vec::new();
                }
            }
            Err(RecvTimeoutError::Timeout) => memory = Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Cost {
    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(
            self.memory_kib,
            self.iterations,
            self.parallelism,
            Some(TAG_BYTES),
        )
    }
}

fn tag(
    params: Params,
    password: &Password,
    salt: &[u8],
    memory: &mut Vec<Block>,
) -> Result<[u8; TAG_BYTES], argon2::Error> {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory
            .try_reserve_exact(blocks - memory.len())
            .map_err(|_| argon2::Error::OutOfMemory)?;
        memory.resize(blocks, Block::new());
    }
    let mut tag = [0; TAG_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password.expose().as_bytes(),
        salt,
        &mut tag,
        &mut memory[..blocks],
    )?;
    Ok(tag)
}

/// What verifying needs of a PHC string.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    tag: Output,
}

#[derive(Debug, Error)]
#[error("neither an Argon2id hash with a tag of {TAG_BYTES} bytes, nor one of Werkzeug's")]
struct NotOurs;

impl Stored {
    fn read(hash: &PasswordHash) -> Result<Self, NotOurs> {
        let phc = phc::PasswordHash::new(hash.as_str()).map_err(|_| NotOurs)?;
        let params = Params::try_from(&phc).map_err(|_| NotOurs)?;
        match (phc.salt, phc.hash) {
            (Some(salt), Some(tag))
                if phc.algorithm == argon2::ARGON2ID_IDENT
                    && params.m_cost() <= MOST.memory_kib
                    && params.t_cost() <= MOST.iterations
                    && params.p_cost() <= MOST.parallelism
                    && phc.version == Some(Version::V0x13.into())
                    && tag.len() == TAG_BYTES =>
            {
                Ok(Self {
                    params,
                    salt: salt.to_vec(),
                    tag,
                })
            }
            _ => Err(NotOurs),
        }
    }
}

fn write(params: &Params, salt: &[u8], tag: &[u8]) -> Result<PasswordHash, phc::Error> {
    let phc = phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| phc::Error::ParamValueInvalid)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(tag)?),
    };
    Ok(PasswordHash::new(phc.to_string()))
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, Outage> {
        const DURING: &str = "making a password hash";
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(Outage::during(DURING))?;
        let params = self
            .cost
            .params()
            .map_err(|e| Outage::during(DURING)(e.to_string()))?;
        let tag = self
            .run({
                let params = params.clone();
                move |memory| tag(params, &password, &salt, memory)
            })
            .await?;
        write(&params, &salt, &tag).map_err(|e| Outage::during(DURING)(e.to_string()))
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Outage> {
        const DURING: &str = "reading a password hash";
        if let Some(theirs) = hash.as_ref().and_then(Werkzeug::read) {
            return self.run(move |_| Ok(theirs.matches(&password))).await;
        }
        let stored = hash
            .as_ref()
            .map(Stored::read)
            .transpose()
            .map_err(Outage::during(DURING))?;
        let cost = self
            .cost
            .params()
            .map_err(|e| Outage::during(DURING)(e.to_string()))?;
        // One hash whoever it is for: only what it is compared with differs.
        let (params, salt, expected) = match stored {
            Some(Stored { params, salt, tag }) => (params, salt, Some(tag)),
            None => (cost, vec![0; SALT_BYTES], None),
        };
        let tag = self
            .run(move |memory| tag(params, &password, &salt, memory))
            .await?;
        // `Output` compares in constant time.
        let tag = Output::new(&tag).map_err(|e| Outage::during(DURING)(e.to_string()))?;
        Ok(expected.is_some_and(|expected| expected == tag))
    }

    fn knows(&self, hash: &PasswordHash) -> bool {
        Werkzeug::read(hash).is_some() || Stored::read(hash).is_ok()
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        Stored::read(hash).is_ok_and(|stored| {
            let of = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
            self.cost
                .params()
                .is_ok_and(|ours| of(&ours) == of(&stored.params))
                && stored.salt.len() == SALT_BYTES
        })
    }
}

#[cfg(test)]
mod fuzz;
