//! The hashing threads, and what waits for them.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::Block;
use secrecy::zeroize::Zeroize;

use crate::{Cost, Options};

/// A piece of work, done with the memory of the thread that does it.
pub(crate) type Job = Box<dyn FnOnce(&mut Memory) -> Answer + Send>;

/// Tells whoever waits for a job what came of it.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// Where jobs wait. The threads end with it.
pub(crate) struct Queue {
    hall: Arc<Hall>,
    threads: usize,
}

/// Where those who ask and those who hash meet.
struct Hall {
    places: usize,
    waiting: Mutex<Waiting>,
    /// A job came, or none will any more.
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// What is done, until it is told.
    answers: Vec<Answer>,
    is_closed: bool,
}

/// How many hashes may wait for one thread: some 2 s of work, at the default cost or at any higher one, which is as long as
/// anybody waits for a page; and less than what those who find it full are told to wait.
fn waiting(cost: Cost) -> usize {
    const DEFAULT_WORK: u64 = 19_456 * 2;
    let work = u64::from(cost.memory_kib) * u64::from(cost.iterations);
    let waiting = 128 * DEFAULT_WORK / work.max(1);
    usize::try_from(waiting.clamp(4, 128)).unwrap_or(4)
}

/// Of what may wait, the part that is told at once at the most: a quarter of a second's work, whatever a hash costs and however
/// many threads there are. More of them save next to nothing more.
const TOGETHER: usize = 8;

/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(30);

impl Queue {
    pub(crate) fn new(options: &Options) -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = options.threads(cores);
        let hall = Arc::new(Hall::new(waiting(options.cost) * threads));
        let share_kib = options.budget_kib / threads as u64;
        let large = Arc::new(Mutex::new(()));
        let (ready, started) = channel::<()>();
        for number in 0..threads {
            let hall = Arc::clone(&hall);
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
                    hall.work(memory);
                })?;
        }
        // From the first hash on, each has its priority. Nothing is ever sent: it ends when all have let go of it.
        drop(ready);
        started.iter().for_each(drop);
        Ok(Self { hall, threads })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Whether there was a place left for `job`.
    pub(crate) fn push(&self, job: Job) -> bool {
        self.hall.push(job)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.hall.look().is_closed = true;
        self.hall.news.notify_all();
    }
}

impl Hall {
    fn new(places: usize) -> Self {
        Self {
            places,
            waiting: Mutex::default(),
            news: Condvar::new(),
        }
    }

    /// No job runs while it is held.
    fn look(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> bool {
        let mut waiting = self.look();
        let has_place = waiting.jobs.len() < self.places;
        if has_place {
            waiting.jobs.push_back(job);
            self.news.notify_one();
        }
        has_place
    }

    fn work(&self, mut memory: Memory) {
        loop {
            match self.next() {
                // A panic costs its own caller an answer, and nobody else a thread.
                Ok(job) => {
                    let answer = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
                    if answer.is_err() {
                        memory.give_back();
                    }
                    self.tell(answer.ok());
                }
                Err(RecvTimeoutError::Timeout) => memory.give_back(),
                Err(RecvTimeoutError::Disconnected) => return memory.give_back(),
            }
        }
    }

    /// The job that has waited longest, or why there is none.
    fn next(&self) -> Result<Job, RecvTimeoutError> {
        let is_quiet = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.is_closed;
        let woken = self.news.wait_timeout_while(self.look(), IDLE, is_quiet);
        let (mut waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        match waiting.jobs.pop_front() {
            Some(job) => Ok(job),
            None if waiting.is_closed => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Tells what was done, as soon as that is as many as still wait for a thread, or as may be kept back. A hash leaves the
    /// caches empty: of those who go on together, the first pays for all.
    fn tell(&self, answer: Option<Answer>) {
        let mut waiting = self.look();
        waiting.answers.extend(answer);
        // Whatever is kept back, a job is left that ends here.
        if waiting.answers.len() < waiting.jobs.len().min(self.places / TOGETHER) {
            return;
        }
        let answers = mem::take(&mut waiting.answers);
        drop(waiting);
        for tell in answers {
            tell();
        }
    }
}

/// Lets pages go before hashes. Linux has a priority for each thread; elsewhere it is one for all, and is left alone.
fn lower_priority() {
    /// Low enough that a page hardly waits for a hash, and high enough that a hash gets a thirtieth of a core that something
    /// else keeps busy. Source: docs/performance.md, what was measured of 10, 15 and 19.
    #[cfg(target_os = "linux")]
    const NICE: i32 = 15;
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
    use std::sync::mpsc::{Receiver, Sender};

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

    /// A queue of one thread, and what was done and told in it.
    fn one_thread() -> (Queue, Sender<String>, Receiver<String>) {
        let options = Options {
            budget_kib: 1,
            ..cost(19_456, 2).into()
        };
        let (log, logged) = channel();
        (Queue::new(&options).unwrap(), log, logged)
    }

    fn job(name: usize, log: &Sender<String>) -> Job {
        let log = log.clone();
        Box::new(move |_| {
            log.send(format!("done {name}")).unwrap();
            Box::new(move || log.send(format!("told {name}")).unwrap())
        })
    }

    /// Keeps the thread until it is let go.
    fn gate(log: &Sender<String>) -> (Job, Sender<()>) {
        let (open, opened) = channel::<()>();
        let last = job(0, log);
        let gate = Box::new(move |memory: &mut Memory| {
            opened.recv().unwrap();
            last(memory)
        });
        (gate, open)
    }

    #[test]
    fn while_many_wait_several_are_told_together() {
        let (queue, log, logged) = one_thread();
        let (gate, open) = gate(&log);
        assert!(queue.push(gate));
        for name in 1..=7 {
            assert!(queue.push(job(name, &log)));
        }
        open.send(()).unwrap();
        drop((queue, log));
        let logged: Vec<String> = logged.iter().collect();
        let expected = "done 0,done 1,done 2,done 3,told 0,told 1,told 2,told 3,\
            done 4,done 5,told 4,told 5,done 6,told 6,done 7,told 7";
        assert_eq!(logged.join(","), expected);
    }

    #[test]
    fn a_job_that_breaks_off_keeps_no_answer_back() {
        let (queue, log, logged) = one_thread();
        let (gate, open) = gate(&log);
        assert!(queue.push(gate));
        for _ in 0..2 {
            assert!(queue.push(Box::new(|_| panic!("breaks off"))));
        }
        open.send(()).unwrap();
        drop((queue, log));
        assert_eq!(logged.iter().collect::<Vec<_>>(), ["done 0", "told 0"]);
    }

    #[test]
    fn no_more_are_kept_back_than_a_part_of_what_may_wait() {
        let hall = Hall::new(3 * TOGETHER);
        let (log, logged) = channel();
        for name in 0..3 * TOGETHER {
            assert!(hall.push(job(name, &log)));
        }
        assert!(!hall.push(job(0, &log)), "there is no place left");
        for (name, told) in [(0, 0), (1, 0), (2, 3), (3, 0)] {
            let log = log.clone();
            hall.tell(Some(Box::new(move || {
                log.send(name.to_string()).unwrap();
            })));
            assert_eq!(logged.try_iter().count(), told, "after {name}");
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
