//! The hashing threads, and what waits for them.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::Block;
use secrecy::zeroize::Zeroize;

use crate::{Cost, Options};

/// A piece of work, done with the memory of the thread that does it.
pub(crate) type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Where jobs wait. The threads end with it.
pub(crate) struct Queue {
    jobs: SyncSender<Job>,
    threads: usize,
}

/// How many hashes may wait for one thread: some 2 s of work, at the default cost or at any higher one, which is as long as
/// anybody waits for a page; and less than what those who find it full are told to wait.
fn waiting(cost: Cost) -> usize {
    const DEFAULT_WORK: u64 = 19_456 * 2;
    let work = u64::from(cost.memory_kib) * u64::from(cost.iterations);
    let waiting = 128 * DEFAULT_WORK / work.max(1);
    usize::try_from(waiting.clamp(4, 128)).unwrap_or(4)
}

/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(30);

impl Queue {
    pub(crate) fn new(options: &Options) -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = options.threads(cores);
        let (queue, jobs) = sync_channel(waiting(options.cost) * threads);
        let jobs = Arc::new(Mutex::new(jobs));
        let share_kib = options.budget_kib / threads as u64;
        let large = Arc::new(Mutex::new(()));
        let (ready, started) = channel::<()>();
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            let ready = ready.clone();
            let memory = Memory {
                blocks: Vec::new(),
                share_kib,
                large: Arc::clone(&large),
            };
            thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || {
                    lower_priority();
                    drop(ready);
                    work(&jobs, memory);
                })?;
        }
        // From the first hash on, each has its priority. Nothing is ever sent: it ends when all have let go of it.
        drop(ready);
        started.iter().for_each(drop);
        Ok(Self {
            jobs: queue,
            threads,
        })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Whether there was a place left for `job`.
    pub(crate) fn push(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, mut memory: Memory) {
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(IDLE);
        match job {
            // A panic costs its own caller an answer, and nobody else a thread.
            Ok(job) => {
                if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
                    memory.give_back();
                }
            }
            Err(RecvTimeoutError::Timeout) => memory.give_back(),
            Err(RecvTimeoutError::Disconnected) => return memory.give_back(),
        }
    }
}

/// Lets pages go before hashes. Linux has a priority for each thread; elsewhere it is one for all, and is left alone.
fn lower_priority() {
    /// Half the way down: the hashes still get what pages leave.
    #[cfg(target_os = "linux")]
    const NICE: i32 = 10;
    // It fails where it is lower already, which does.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// The memory of a thread, kept from one hash to the next: so no hash waits for the system to hand out and zero fresh pages.
pub(crate) struct Memory {
    blocks: Vec<Block>,
    /// What this thread may use while the others use theirs.
    share_kib: u64,
    /// Held while a job runs that needs more.
    large: Arc<Mutex<()>>,
}

impl Memory {
    /// For a test, that of one thread.
    #[cfg(test)]
    pub(crate) fn alone() -> Self {
        Self {
            blocks: Vec::new(),
            share_kib: u64::MAX,
            large: Arc::default(),
        }
    }

    /// Does work in so many blocks of 1 KiB.
    pub(crate) fn with<T>(
        &mut self,
        blocks: usize,
        work: impl FnOnce(&mut [Block]) -> Result<T, argon2::Error>,
    ) -> Result<T, argon2::Error> {
        if blocks as u64 > self.share_kib {
            self.give_back();
            let large = Arc::clone(&self.large);
            let _alone = large.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = self.reach(blocks).and_then(work);
            self.give_back();
            return outcome;
        }
        work(self.reach(blocks)?)
    }

    /// Does work that brings so much memory of its own.
    pub(crate) fn without<T>(&mut self, kib: u64, work: impl FnOnce() -> T) -> T {
        if self.blocks.len() as u64 + kib > self.share_kib {
            self.give_back();
        }
        let large = Arc::clone(&self.large);
        let _alone =
            (kib > self.share_kib).then(|| large.lock().unwrap_or_else(PoisonError::into_inner));
        work()
    }

    fn reach(&mut self, blocks: usize) -> Result<&mut [Block], argon2::Error> {
        if let Some(more) = blocks.checked_sub(self.blocks.len()) {
            self.blocks
                .try_reserve_exact(more)
                .map_err(|_| argon2::Error::OutOfMemory)?;
            self.blocks.resize(blocks, Block::new());
        }
        Ok(&mut self.blocks[..blocks])
    }

    /// Overwritten first: what is in there is not the password, but one could be tried against it at little cost.
    fn give_back(&mut self) {
        self.blocks.iter_mut().for_each(Zeroize::zeroize);
        self.blocks = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(memory_kib: u32, iterations: u32) -> Cost {
        Cost {
            memory_kib,
            iterations,
            parallelism: 1,
        }
    }

    #[test]
    fn a_costlier_hash_has_a_shorter_queue() {
        for (cost, places) in [
            (cost(8, 1), 128),
            (cost(19_456, 2), 128),
            (cost(65_536, 3), 25),
            (cost(4_194_304, 64), 4),
        ] {
            assert_eq!(waiting(cost), places, "{cost:?}");
        }
    }

    fn memory(share_kib: u64) -> Memory {
        Memory {
            blocks: Vec::new(),
            share_kib,
            large: Arc::default(),
        }
    }

    #[test]
    fn a_thread_keeps_what_is_its_share_and_nothing_beyond() {
        let mut memory = memory(16);
        memory.with(16, |_| Ok(())).unwrap();
        assert_eq!(memory.blocks.len(), 16);
        memory.without(1, || ());
        assert_eq!(memory.blocks.len(), 0, "it makes room");
        memory.with(8, |_| Ok(())).unwrap();
        memory.without(8, || ());
        assert_eq!(memory.blocks.len(), 8);
        let length = memory.with(17, |blocks| Ok(blocks.len()));
        assert_eq!(length.unwrap(), 17);
        assert_eq!(memory.blocks.len(), 0);
    }

    #[test]
    fn what_is_larger_than_a_share_runs_one_at_a_time() {
        let mut memory = memory(16);
        let large = Arc::clone(&memory.large);
        let is_held = || large.try_lock().is_err();
        assert!(!memory.with(16, |_| Ok(is_held())).unwrap());
        assert!(memory.with(17, |_| Ok(is_held())).unwrap());
        assert!(!memory.without(16, is_held));
        assert!(memory.without(17, is_held));
        assert!(!is_held());
    }
}
