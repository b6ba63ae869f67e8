//! A mail server: aiosmtpd, which keeps what it takes in a Maildir.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;

use tempfile::TempDir;

use super::certificates::Certificates;
use super::process::{Process, program};
use super::{Fault, free_port};

/// How it is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    None,
    FromTheStart,
    /// After a word in clear, and not before.
    Asked,
}

pub(crate) struct PostOffice {
    process: Option<Process>,
    folder: TempDir,
    address: IpAddr,
    port: u16,
    tls: Tls,
}

impl PostOffice {
    pub(crate) fn new() -> Self {
        Self::of(Tls::None, None)
    }

    /// One that does not encrypt, and is not on this machine alone.
    pub(crate) fn seen_by_others() -> Self {
        Self::at(own_address(), Tls::None, None)
    }

    /// One that has a certificate, and knows a user with a password.
    pub(crate) fn with_tls(tls: Tls, certificates: &Certificates) -> Self {
        Self::of(tls, Some(certificates))
    }

    fn of(tls: Tls, certificates: Option<&Certificates>) -> Self {
        let address = match tls {
            // Here it would not be asked for.
            Tls::Asked => own_address(),
            Tls::None | Tls::FromTheStart => Ipv4Addr::LOCALHOST.into(),
        };
        Self::at(address, tls, certificates)
    }

    fn at(address: IpAddr, tls: Tls, certificates: Option<&Certificates>) -> Self {
        let folder = TempDir::new().unwrap();
        if let Some(certificates) = certificates {
            certificates.copy_to(folder.path());
        }
        let mut new = Self {
            process: None,
            folder,
            address,
            port: free_port(),
            tls,
        };
        new.start();
        new
    }

    fn start(&mut self) {
        let folder = self.folder.path();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut command = program("aiosmtpd");
        command
            .env("PYTHONPATH", here)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-n", "-c", "post_office.PostOffice"])
            .args(["-l", &format!("{}:{}", self.address, self.port)]);
        let options = match self.tls {
            Tls::None => None,
            Tls::FromTheStart => Some(["--smtpscert", "--smtpskey"]),
            Tls::Asked => Some(["--tlscert", "--tlskey"]),
        };
        if let Some([certificate, key]) = options {
            command
                .arg(certificate)
                .arg(folder.join("server.pem"))
                .arg(key)
                .arg(folder.join("server.key"));
        }
        command.arg(folder.join("mail"));
        let mut process = Process::start(&mut command, &folder.join("log"));
        let place = (self.address, self.port);
        process.until("a mail server", || TcpStream::connect(place).is_ok());
        self.process = Some(process);
    }

    /// For `mail.url`.
    pub(crate) fn url(&self) -> String {
        let place = format!("{}:{}", self.address, self.port);
        match self.tls {
            Tls::None => format!("smtp://{place}"),
            // It lets nobody sign in there: it does not take that for encrypted.
            Tls::FromTheStart => format!("smtps://{place}"),
            Tls::Asked => format!("smtp://hall%40example.com:p%40ss%20word@{place}"),
        }
    }

    pub(crate) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Stopped => self.process.take().unwrap().end("TERM"),
            Fault::Killed => drop(self.process.take()),
            Fault::Frozen => self.process.as_ref().unwrap().freeze(),
        }
    }

    pub(crate) fn recover(&mut self, fault: Fault) {
        match fault {
            Fault::Stopped | Fault::Killed => self.start(),
            Fault::Frozen => self.process.as_ref().unwrap().thaw(),
        }
    }

    /// What it took so far, in no order.
    pub(crate) fn mail(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail/new")) else {
            return Vec::new();
        };
        entries
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect()
    }
}

/// An address of this machine that others could see. Nothing is sent to find it.
pub(crate) fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).unwrap();
    socket.local_addr().unwrap().ip()
}
