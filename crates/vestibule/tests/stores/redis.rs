//! One Redis server: alone, of a cluster, or watched by sentinels.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::process::{Process, program};
use super::{Certificates, Fault, free_port, resp};

pub(crate) struct Redis {
    // Goes before its folder does.
    process: Option<Process>,
    folder: TempDir,
    pub(super) port: u16,
    /// Where it encrypts, too.
    tls_port: Option<u16>,
    program: &'static str,
    arguments: Vec<String>,
    password: Option<&'static str>,
}

impl Redis {
    pub(crate) const PASSWORD: &'static str = "salt-and-ashes";

    /// One that forgets all when it ends.
    pub(crate) fn forgetful() -> Self {
        Self::alone(&["--appendonly", "no"])
    }

    /// One that still has all when it comes back.
    pub(crate) fn lasting() -> Self {
        Self::alone(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// One that encrypts on a port of its own.
    pub(crate) fn with_tls(certificates: &Certificates) -> Self {
        let port = free_port();
        let mut new = Self::of("redis-server", Some(Self::PASSWORD), |folder, _| {
            let [certificate, key] = certificates.copy_to(folder);
            let path = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
            let mut arguments = ["--requirepass", Self::PASSWORD, "--appendonly", "no"]
                .map(str::to_owned)
                .to_vec();
            for (name, value) in [
                ("--tls-port", port.to_string()),
                ("--tls-cert-file", path(certificate)),
                ("--tls-key-file", path(key)),
                ("--tls-auth-clients", "no".to_owned()),
            ] {
                arguments.extend([name.to_owned(), value]);
            }
            arguments
        });
        new.tls_port = Some(port);
        new
    }

    fn alone(arguments: &[&str]) -> Self {
        let own = ["--requirepass", Self::PASSWORD];
        let arguments = [&own, arguments].concat();
        Self::of("redis-server", Some(Self::PASSWORD), |_, _| {
            arguments.iter().map(|&word| word.to_owned()).collect()
        })
    }

    /// One that others know without a password.
    pub(super) fn node(arguments: impl FnOnce(u16) -> Vec<String>) -> Self {
        Self::of("redis-server", None, |_, port| arguments(port))
    }

    /// One that runs on a file of its own, which it may rewrite.
    pub(super) fn sentinel(settings: &str) -> Self {
        Self::of("redis-sentinel", None, |folder, _| {
            let file = folder.join("sentinel.conf");
            std::fs::write(&file, settings).unwrap();
            vec![file.to_str().unwrap().to_owned()]
        })
    }

    /// Nothing is written down but by an append-only file.
    fn of(
        program: &'static str,
        password: Option<&'static str>,
        arguments: impl FnOnce(&Path, u16) -> Vec<String>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut arguments = arguments(folder.path(), port);
        let own = [
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--dir",
            folder.path().to_str().unwrap(),
        ];
        arguments.extend(own.map(str::to_owned));
        if program == "redis-server" {
            arguments.extend(["--save", ""].map(str::to_owned));
        }
        let mut new = Self {
            process: None,
            folder,
            port,
            tls_port: None,
            program,
            arguments,
            password,
        };
        new.start();
        new
    }

    /// As Vestibule's `sessions.url` wants it.
    pub(crate) fn url(&self) -> String {
        let password = self.password.map(|password| format!(":{password}@"));
        let password = password.unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}", self.port)
    }

    /// The same, encrypted.
    pub(crate) fn tls_url(&self) -> String {
        let port = self.tls_port.expect("it has TLS");
        format!("rediss://:{}@localhost:{port}", Self::PASSWORD)
    }

    /// Starts it on what it had, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut command = program(self.program);
        command
            .current_dir(self.folder.path())
            .args(&self.arguments);
        let log = self.folder.path().join("log");
        let mut process = Process::start(&mut command, &log);
        process.until("Redis answers", || {
            self.ask(&["PING"]).is_ok_and(|answer| answer == "PONG")
        });
        self.process = Some(process);
    }

    pub(crate) fn stop(&mut self) {
        self.process.take().unwrap().end("TERM");
    }

    pub(crate) fn kill(&mut self) {
        drop(self.process.take().unwrap());
    }

    pub(crate) fn freeze(&self) {
        self.process.as_ref().unwrap().freeze();
    }

    pub(crate) fn thaw(&self) {
        self.process.as_ref().unwrap().thaw();
    }

    pub(crate) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Stopped => self.stop(),
            Fault::Killed => self.kill(),
            Fault::Frozen => self.freeze(),
        }
    }

    pub(crate) fn recover(&mut self, fault: Fault) {
        match fault {
            Fault::Stopped | Fault::Killed => self.start(),
            Fault::Frozen => self.thaw(),
        }
    }

    /// # Errors
    /// When it does not answer, or answers with an error.
    pub(crate) fn ask(&self, command: &[&str]) -> io::Result<String> {
        resp::ask(self.port, self.password, command)
    }

    /// What `INFO` and the like say of `key`; `None` when it does not answer, or says nothing of it.
    pub(super) fn says(&self, command: &[&str], key: &str) -> Option<String> {
        let text = self.ask(command).ok()?;
        let mut lines = text.lines();
        lines.find_map(|line| Some(line.trim().strip_prefix(key)?.strip_prefix(':')?.to_owned()))
    }

    pub(super) fn is_primary(&self) -> bool {
        let role = self.says(&["INFO", "replication"], "role");
        role.is_some_and(|role| role == "master")
    }

    /// Whether it has all that its primary has, for a replica.
    pub(super) fn follows(&self) -> bool {
        let link = self.says(&["INFO", "replication"], "master_link_status");
        link.is_some_and(|link| link == "up")
    }

    /// How much was written to it or, for a replica, has arrived.
    pub(super) fn offset(&self) -> Option<String> {
        let key = if self.is_primary() {
            "master_repl_offset"
        } else {
            "slave_repl_offset"
        };
        self.says(&["INFO", "replication"], key)
    }
}
