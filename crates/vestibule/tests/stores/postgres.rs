//! PostgreSQL.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, program, run};
use super::{Certificates, Fault, free_port};

/// A server with one empty database, and what Vestibule may know of it: a role that owns that database and no more.
pub(crate) struct Postgres {
    // Goes before its folder does.
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    tls: bool,
}

impl Postgres {
    pub(crate) const PASSWORD: &'static str = "cold-iron-and-lead";

    /// A new one, which answers.
    pub(crate) fn new() -> Self {
        Self::made(None)
    }

    /// One that encrypts for whoever wants it.
    pub(crate) fn with_tls(certificates: &Certificates) -> Self {
        Self::made(Some(certificates))
    }

    fn made(certificates: Option<&Certificates>) -> Self {
        let folder = TempDir::new().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, Self::PASSWORD).unwrap();
        if let Some(owner) = owner() {
            chown(folder.path(), Some(owner), Some(owner)).unwrap();
            chown(&password, Some(owner), Some(owner)).unwrap();
        }
        let mut new = Self {
            process: None,
            folder,
            port: free_port(),
            tls: certificates.is_some(),
        };
        run(new
            .as_owner("initdb")
            .args(["--pgdata", "data", "--username", "postgres"])
            .args(["--pwfile", "password", "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]));
        if let Some(certificates) = certificates {
            for file in certificates.copy_to(&new.folder.path().join("data")) {
                chown(&file, owner(), owner()).unwrap();
                fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            }
        }
        new.start();
        let password = Self::PASSWORD;
        new.query_in(
            "postgres",
            &format!("CREATE ROLE vestibule LOGIN PASSWORD '{password}'"),
        );
        new.query_in("postgres", "CREATE DATABASE vestibule OWNER vestibule");
        new
    }

    /// As Vestibule's `database.url` wants it.
    pub(crate) fn url(&self) -> String {
        self.url_of("vestibule", "vestibule")
    }

    /// The same for a role that reads and writes what is there, and has no right to change the schema.
    pub(crate) fn serving_role(&self) -> String {
        let password = Self::PASSWORD;
        self.query(&format!("CREATE ROLE serving LOGIN PASSWORD '{password}'"));
        self.query("GRANT USAGE ON SCHEMA public TO serving");
        self.query(
            "ALTER DEFAULT PRIVILEGES FOR ROLE vestibule IN SCHEMA public \
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO serving",
        );
        self.url_of("serving", "vestibule")
    }

    fn url_of(&self, role: &str, database: &str) -> String {
        let (password, port) = (Self::PASSWORD, self.port);
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}")
    }

    /// Starts it on what it had, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let port = self.port;
        let mut command = self.as_owner("postgres");
        command.args(["-D", "data"]);
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // What was committed is to survive.
            "fsync=on",
            "synchronous_commit=on",
        ] {
            command.args(["-c", setting]);
        }
        if self.tls {
            for setting in [
                "ssl=on",
                "ssl_cert_file=server.pem",
                "ssl_key_file=server.key",
            ] {
                command.args(["-c", setting]);
            }
        }
        let mut process = Process::start(&mut command, &self.folder.path().join("log"));
        process.until("PostgreSQL answers", || self.answers());
        self.process = Some(process);
    }

    /// Whether it takes a connection within a second, and would let somebody in.
    pub(crate) fn answers(&self) -> bool {
        let port = self.port.to_string();
        program("pg_isready")
            .args(["--quiet", "--timeout", "1"])
            .args(["--host", "127.0.0.1", "--port", &port])
            .status()
            .unwrap()
            .success()
    }

    /// Ends it as `pg_ctl stop --mode fast` does: whoever is connected is sent away.
    pub(crate) fn stop(&mut self) {
        self.process.take().unwrap().end("INT");
    }

    /// Ends all of its processes without warning.
    pub(crate) fn kill(&mut self) {
        drop(self.process.take().unwrap());
    }

    /// Stops all of its processes: it takes connections, and answers nobody.
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

    /// Runs a statement in Vestibule's database; the rows, columns parted by `|`.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        self.query_in("vestibule", sql)
    }

    fn query_in(&self, database: &str, sql: &str) -> Vec<String> {
        let url = self.url_of("postgres", database);
        let text = run(program("psql").args(["-X", "-q", "-A", "-t", "-d", &url, "-c", sql]));
        text.lines().map(str::to_owned).collect()
    }

    /// PostgreSQL refuses to be run by root.
    fn as_owner(&self, name: &str) -> Command {
        let mut command = program(name);
        command.current_dir(self.folder.path());
        if let Some(owner) = owner() {
            command.uid(owner).gid(owner);
        }
        command
    }
}

/// Whom the server's files belong to, where that is not ourselves.
fn owner() -> Option<u32> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    is_root.then(|| {
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let postgres = users
            .lines()
            .find_map(|line| line.strip_prefix("postgres:"));
        let id = postgres.and_then(|line| line.split(':').nth(1)?.parse().ok());
        id.expect("root cannot run PostgreSQL, and there is no user `postgres` to do so")
    })
}
