//! The program itself, on a port of its own, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

/// A running `vestibule`. It is killed when this goes.
pub(crate) struct Server {
    process: Child,
    /// Where its visitors find it, without a slash at the end: `http://localhost:4711`.
    pub(crate) url: String,
    /// Reads along, since a program that nobody listens to stands still.
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts it in `folder` with `variables` in its environment, and nothing else but those that say where things are
    /// kept; waits until it is open.
    pub(crate) fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut program = program(folder, &[]);
        // How busy the machine is that runs the tests is not what these test.
        program
            .env("VESTIBULE_DATABASE__ACQUIRE_TIMEOUT", "20s")
            .env("VESTIBULE_DATABASE__ANSWER_TIMEOUT", "20s");
        if is_on_servers(&mut program, folder) {
            program.env("VESTIBULE_SESSIONS__TIMEOUT", "20s");
        }
        // All people of a test live at one address.
        program.env("VESTIBULE_THROTTLE__REGISTRATIONS_FREE", "100000");
        program.envs(variables.iter().copied());
        Self::run(program)
    }

    /// Starts it in `folder` with nothing in its environment, and waits until it is open.
    pub(crate) fn start_bare(folder: &Path) -> Self {
        Self::run(program(folder, &[]))
    }

    pub(crate) fn run(mut program: Command) -> Self {
        let mut process = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        let mut welcome = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut welcome)
            .unwrap();
        let url = welcome.trim().strip_prefix("Vestibule is open at ");
        let Some(url) = url.map(|url| url.trim_end_matches('/').to_owned()) else {
            panic!("it did not open: {welcome:?} {}", log.join().unwrap());
        };
        Self {
            process,
            url,
            log: Some(log),
        }
    }

    /// Starts it in a new folder, which lasts as long as the second value.
    pub(crate) fn start_afresh(variables: &[(&str, &str)]) -> (Self, TempDir) {
        let folder = TempDir::new().unwrap();
        (Self::start(folder.path(), variables), folder)
    }

    /// The program for a command beside this server, which runs in `folder`, on the same stores.
    pub(crate) fn beside(&self, folder: &Path, variables: &[(&str, &str)]) -> Command {
        let mut command = program(folder, variables);
        command.env("VESTIBULE_SERVER__PUBLIC_URL", &self.url);
        is_on_servers(&mut command, folder);
        command
    }

    /// Ends it without warning, as SIGKILL does.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How much memory it has touched and kept.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = resident.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Waits until it has ended by itself; how, and what it had logged.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let log = self.log.take().unwrap().join().unwrap();
        (self.process.wait().unwrap(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking()
            && let Some(Ok(log)) = self.log.take().map(JoinHandle::join)
        {
            eprintln!("{log}");
        }
    }
}

/// Sends a signal, by its name without `SIG`.
#[expect(
    clippy::disallowed_methods,
    reason = "the standard library sends no signals"
)]
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Has a program that runs in `folder` keep things on servers, where the tests are to.
fn is_on_servers(program: &mut Command, folder: &Path) -> bool {
    let Some((database, sessions)) = crate::kept::urls(Some(folder)) else {
        return false;
    };
    program
        .env("VESTIBULE_DATABASE__URL", database)
        .env("VESTIBULE_SESSIONS__URL", sessions)
        // Those that TEST_POSTGRES_URL and TEST_REDIS_URL name may be on another machine.
        .env("VESTIBULE_DATABASE__ALLOW_PLAIN", "true")
        .env("VESTIBULE_SESSIONS__ALLOW_PLAIN", "true")
        .env(
            "VESTIBULE_SECRET_KEY",
            "a-key-for-tests-of-32-characters-or-more",
        );
    true
}

/// The program, not yet started, on a free port.
#[expect(clippy::disallowed_methods, reason = "the program is what is tested")]
pub(crate) fn program(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    program
        .current_dir(folder)
        .env_clear()
        .env("VESTIBULE_SERVER__PORT", "0")
        .envs(variables.iter().copied());
    program
}
