//! Somebody who sends whatever they like, byte by byte, and the program that they send it to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use crate::app::letters::Letter;
use crate::app::{PASSWORD, encode, value_of, with_token};
use crate::mail::{mailed, mailed_link};
use crate::server::{Server, signal};

/// What the program is started with: all that it logs, so that a secret in any line would be found.
const VARIABLES: [(&str, &str); 3] = [
    ("VESTIBULE_LOG__LEVEL", "debug"),
    // All attackers live at one address; what stops them there has tests of its own.
    ("VESTIBULE_THROTTLE__ADDRESS_FREE", "100000"),
    ("VESTIBULE_THROTTLE__REGISTRATIONS_FREE", "100000"),
];

/// The program, with an account `ada` whose password is [`PASSWORD`]. It fails a test that forgets to close it.
pub(crate) struct Scene {
    pub(crate) server: Server,
    folder: TempDir,
    secrets: Arc<Mutex<Vec<String>>>,
    reminder: Reminder,
}

/// Whether the scene was closed, and its log looked at.
#[derive(Default)]
struct Reminder {
    is_closed: bool,
}

impl Drop for Reminder {
    fn drop(&mut self) {
        assert!(
            self.is_closed || thread::panicking(),
            "a scene is to be closed, or nobody looks at its log"
        );
    }
}

impl Scene {
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// The same with variables of its own.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let scene = Self::start(&[&VARIABLES, variables].concat());
        let answer = scene.attacker().register("ada", PASSWORD);
        assert_eq!(answer.status, 303, "{}", answer.body);
        scene
    }

    /// The same without the account.
    pub(crate) fn empty() -> Self {
        Self::start(&VARIABLES)
    }

    fn start(variables: &[(&str, &str)]) -> Self {
        let (server, folder) = Server::start_afresh(variables);
        Self {
            server,
            folder,
            secrets: Arc::default(),
            reminder: Reminder::default(),
        }
    }

    /// A second instance on the same stores.
    pub(crate) fn another(&self) -> Server {
        Server::start(self.folder.path(), &VARIABLES)
    }

    /// The next mail for this purpose.
    pub(crate) fn mailed(&self, purpose: &str) -> Letter {
        mailed(self.folder.path(), &self.server, purpose)
    }

    /// The path of the link in the next mail for this purpose.
    pub(crate) fn mailed_link(&self, purpose: &str) -> String {
        mailed_link(self.folder.path(), &self.server, purpose)
    }

    /// Has the operator make an account; the path of the link by which its owner chooses a password.
    pub(crate) fn made(&self, username: &str) -> String {
        let mut command = self.server.beside(self.folder.path(), &VARIABLES);
        let output = command.args(["user", "add", username]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let link = said.lines().last().expect("a link");
        link.strip_prefix(&self.server.url).unwrap().to_owned()
    }

    /// A client that has never been here.
    pub(crate) fn attacker(&self) -> Attacker {
        self.attacker_at(&self.server)
    }

    pub(crate) fn attacker_at(&self, server: &Server) -> Attacker {
        Attacker {
            address: server.url.replace("http://localhost", "127.0.0.1"),
            cookies: BTreeMap::new(),
            secrets: Arc::clone(&self.secrets),
        }
    }

    /// Somebody signed in as ada.
    pub(crate) fn ada(&self) -> Attacker {
        let mut ada = self.attacker();
        assert_eq!(ada.login("ada", PASSWORD).status, 303);
        ada
    }

    /// Ends the program: ada's account is as it was, and no secret is in the log.
    pub(crate) fn close(self) {
        let ada = self.ada();
        self.close_with(ada);
    }

    /// The same where strangers have to wait: `ada` signed in before.
    pub(crate) fn close_with(mut self, mut ada: Attacker) {
        self.reminder.is_closed = true;
        assert!(ada.is_signed_in(), "ada's account is as it was");
        #[cfg(unix)]
        signal(self.server.pid(), "TERM");
        let (status, log) = self.server.wait();
        assert!(status.success(), "{status} {log}");
        assert!(!log.contains("panicked"), "{log}");
        assert!(!log.contains("argon2id$"), "{log}");
        let secrets: BTreeSet<_> = self.secrets.lock().unwrap().drain(..).collect();
        for secret in secrets {
            for form in [secret.clone(), secret.replace(' ', "+")] {
                assert!(!log.contains(&form), "{form:?} is in the log: {log}");
            }
        }
    }
}

#[derive(Clone)]
pub(crate) struct Attacker {
    address: String,
    pub(crate) cookies: BTreeMap<String, String>,
    secrets: Arc<Mutex<Vec<String>>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// `None` where nothing came back, which is what becomes of some who do not wait for the end of their own request.
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_lowercase(), value.trim().to_owned())
        });
        Some(Self {
            status,
            headers: headers.collect(),
            body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
        })
    }

    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map_or("", |(_, value)| value);
        assert!(
            name == "set-cookie" || values.next().is_none(),
            "{name} twice"
        );
        value
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// The whole `Set-Cookie` lines.
    pub(crate) fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn csrf(&self) -> String {
        value_of(&self.body, "csrf").unwrap_or_else(|| panic!("no form on {}", self.status))
    }

    /// What every answer owes, whatever was asked.
    fn is_sound(&self, what: &str) {
        assert!(self.status < 500, "{what}: {self:?}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("server", ""),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(self.header(name), value, "{what}: {name} of {self:?}");
        }
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("strict-transport-security", "includeSubDomains"),
            ("permissions-policy", "camera=()"),
        ] {
            assert!(self.header(name).contains(part), "{what}: {self:?}");
        }
        if !self.header("cache-control").starts_with("public") {
            assert_eq!(self.header("cache-control"), "no-store", "{what}");
        }
        for line in self.set_cookies() {
            assert!(line.starts_with("__Host-"), "{what}: {line}");
            for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                assert!(line.contains(part), "{what}: {line}");
            }
            assert!(!line.contains("Domain"), "{what}: {line}");
        }
    }
}

/// Headers, as a name and bytes.
type Headers<'a> = &'a [(&'a str, &'a [u8])];

impl Attacker {
    /// Sends these very bytes, and reads until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> Option<Reply> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut answer = Vec::new();
        // A server that has seen enough closes before the end.
        let _ = stream.write_all(request);
        let _ = stream.read_to_end(&mut answer);
        Reply::read(&answer)
    }

    /// Sends these very bytes, and goes.
    pub(crate) fn leave(&self, request: &[u8]) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
    }

    /// Sends any request, with the cookies of this client unless `headers` has some.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &[u8],
        headers: Headers<'_>,
        body: &[u8],
    ) -> Reply {
        let has = |name: &str| {
            headers
                .iter()
                .any(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let mut request = Vec::new();
        request.extend(method.as_bytes());
        request.push(b' ');
        request.extend(path);
        request.extend(b" HTTP/1.1\r\nConnection: close\r\n");
        if !has("Host") {
            request.extend(b"Host: localhost\r\n");
        }
        if !has("Cookie") && !self.cookies.is_empty() {
            request.extend(format!("Cookie: {}\r\n", self.cookie()).into_bytes());
        }
        if !body.is_empty() {
            request.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
        }
        for (name, value) in headers {
            request.extend(name.as_bytes());
            request.extend(b": ");
            request.extend(*value);
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        request.extend(body);
        let what = String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
        let reply = self
            .raw(&request)
            .unwrap_or_else(|| panic!("no answer to {what}"));
        reply.is_sound(&what);
        self.keep(&reply);
        reply
    }

    fn keep(&mut self, reply: &Reply) {
        for line in reply.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
                if value.len() > 20 {
                    self.secrets.lock().unwrap().push(value.to_owned());
                }
            }
        }
    }

    pub(crate) fn cookie(&self) -> String {
        let pairs = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-session")
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path.as_bytes(), &[], b"")
    }

    /// Sends a form's bytes, the way our own page would.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        let headers: Headers<'_> = &[
            ("Content-Type", b"application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", b"same-origin"),
        ];
        self.send("POST", path.as_bytes(), headers, body)
    }

    /// A token for forms that fits this client's cookies.
    pub(crate) fn csrf(&mut self) -> String {
        let page = self.get("/dashboard");
        if page.status == 200 {
            return page.csrf();
        }
        self.get("/login").csrf()
    }

    pub(crate) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.csrf();
        self.post(path, encode(&with_token(fields, &csrf)).as_bytes())
    }

    pub(crate) fn login(&mut self, username: &str, password: &str) -> Reply {
        self.secrets.lock().unwrap().push(password.to_owned());
        self.submit("/login", &[("username", username), ("password", password)])
    }

    pub(crate) fn register(&mut self, username: &str, password: &str) -> Reply {
        self.secrets.lock().unwrap().push(password.to_owned());
        let fields = [("username", username), ("password", password)];
        self.submit("/register", &fields)
    }

    pub(crate) fn is_signed_in(&mut self) -> bool {
        self.get("/dashboard").status == 200
    }
}

/// Percent-encodes all of it.
pub(crate) fn percent(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    })
}
