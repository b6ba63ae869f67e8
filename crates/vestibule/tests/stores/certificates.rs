//! Certificates for servers on loopback, by a root that is made for them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::process::{program, run};

/// A root, and a certificate for `localhost`, 127.0.0.1 and an address that others see, which it signed.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let openssl = || {
            let mut command = program("openssl");
            command.current_dir(folder.path());
            command
        };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        run(openssl()
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=root"])
            .args(key)
            .args(["-keyout", "root.key", "-out", "root.pem"]));
        run(openssl()
            .args(["req", "-nodes", "-subj", "/CN=localhost"])
            .args(key)
            .args(["-keyout", "server.key", "-out", "server.csr"]));
        let own = super::post_office::own_address();
        let names = format!("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{own}\n");
        fs::write(folder.path().join("names"), names).unwrap();
        run(openssl()
            .args(["x509", "-req", "-in", "server.csr", "-days", "2"])
            .args(["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"])
            .args(["-extfile", "names", "-out", "server.pem"]));
        Self(folder)
    }

    /// Whoever believes this file believes the server.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.path().join("root.pem")
    }

    /// Puts certificate and key of the server into its own folder.
    pub(super) fn copy_to(&self, folder: &Path) -> [PathBuf; 2] {
        ["server.pem", "server.key"].map(|name| {
            let copy = folder.join(name);
            fs::copy(self.0.path().join(name), &copy).unwrap();
            copy
        })
    }
}
