//! Chromium, and the driver that steers it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::port::free_port;

const HOW_TO_INSTALL: &str = "`apt-get install chromium chromium-driver` installs what the browser tests need, and so \
                              does scripts/test";

/// Whether pages may run scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// A driver of our own, on a port of its own. It and its Chromium end when this goes.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    // Goes after the process that writes into it.
    profile: TempDir,
}

impl Driver {
    #[expect(clippy::disallowed_methods, reason = "the driver is a program")]
    pub(crate) fn start() -> Self {
        // One that it chooses itself may be a connection's on the other of the two protocols it listens on; then it ends.
        let port = free_port();
        let mut process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("chromedriver did not start ({why}): {HOW_TO_INSTALL}"));
        let is_open = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .inspect(|said| eprintln!("{said}"))
            .any(|said| said.contains("successfully on port"));
        assert!(is_open, "chromedriver did not open: {HOW_TO_INSTALL}");
        Self {
            process,
            port,
            profile: TempDir::new().unwrap(),
        }
    }

    /// Opens a window of a Chromium that has never been used.
    pub(crate) async fn open(&self, scripts: Scripts) -> Client {
        let mut flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(String::from)
        .to_vec();
        flags.push(format!("--user-data-dir={}", self.profile.path().display()));
        let mut options = json!({ "args": flags });
        if scripts == Scripts::Off {
            // 2 is "block".
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else {
            unreachable!("written as an object");
        };
        ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap_or_else(|why| panic!("Chromium did not start ({why}): {HOW_TO_INSTALL}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killed, it would leave its Chromium behind; asked, it takes it along. A test may have failed in any state,
        // so nothing in here may panic.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let asked = stream.write_all(
                b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            );
            let _ = asked.and_then(|()| stream.read_to_end(&mut Vec::new()));
        } else {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// A command that chromedriver has and the standard does not.
#[derive(Debug)]
pub(crate) struct Extra {
    path: &'static str,
    body: Value,
}

impl Extra {
    /// A command of the Chrome `DevTools` protocol.
    pub(crate) fn devtools(command: &str, parameters: &Value) -> Self {
        Self {
            path: "goog/cdp/execute",
            body: json!({ "cmd": command, "params": parameters }),
        }
    }

    /// What the browser has complained of since it was last asked.
    pub(crate) fn complaints() -> Self {
        Self {
            path: "se/log",
            body: json!({ "type": "browser" }),
        }
    }
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, driver: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        driver.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
