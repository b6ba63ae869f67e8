//! One server's processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::until;

const HOW_TO_INSTALL: &str = "install it: apt-get install redis-server redis-sentinel postgresql python3-aiosmtpd, or run scripts/test";

/// A program that may be started, by its name.
pub(super) fn program(name: &str) -> Command {
    let path = find(name).unwrap_or_else(|| panic!("{name} is missing; {HOW_TO_INSTALL}"));
    #[expect(clippy::disallowed_methods, reason = "the tests need real servers")]
    Command::new(path)
}

/// Debian keeps PostgreSQL's server out of the way, in a folder for each version.
fn find(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is how programs are found")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    versions
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Runs a program to its end; what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{errors}");
    text
}

/// A process and its children. They are killed when this goes, frozen or not.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it prints goes to the end of `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Polls until the server is there, unless it has ended.
    pub(super) fn until(&mut self, what: &str, mut done: impl FnMut() -> bool) {
        until(what, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                panic!("{what}: it has ended, {status}\n{log}");
            }
            done()
        });
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn end(mut self, signal: &str) {
        send(signal, &[self.child.id()]);
        until("the end of a server", || {
            self.child.try_wait().unwrap().is_some()
        });
    }

    /// Stops all of it in the middle of what it does.
    pub(super) fn freeze(&self) {
        let frozen = self.freeze_all();
        until("a server that stands still", || {
            frozen
                .iter()
                .all(|&pid| matches!(state(pid), None | Some('T' | 'Z')))
        });
    }

    /// The parent first: it makes no more children then.
    fn freeze_all(&self) -> Vec<u32> {
        let parent = self.child.id();
        send("STOP", &[parent]);
        let mut all = children(parent);
        send("STOP", &all);
        all.push(parent);
        all
    }

    pub(super) fn thaw(&self) {
        let parent = self.child.id();
        send("CONT", &children(parent));
        send("CONT", &[parent]);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let all = self.freeze_all();
        send("KILL", &all);
        let _ = self.child.wait();
        // Shared memory is free once the last one has gone.
        let start = std::time::Instant::now();
        let there = |&pid: &u32| !matches!(state(pid), None | Some('Z'));
        while all.iter().any(there) && start.elapsed() < super::PATIENCE {
            std::thread::yield_now();
        }
    }
}

/// Some may have gone already.
fn send(signal: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let pids = pids.iter().map(u32::to_string);
    let _ = program("sh")
        .args(["-c", "kill -s \"$@\"", "sh", signal])
        .args(pids)
        .stderr(Stdio::null())
        .status();
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| stat(pid).is_some_and(|stat| stat.1 == parent))
        .collect()
}

/// `T` is stopped, `Z` has ended; `None` where there is no such process.
fn state(pid: u32) -> Option<char> {
    Some(stat(pid)?.0)
}

/// State and parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may have anything in it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}
