//! The harness: the whole app in this process, on a database of its own, with hashes that cost nothing and a clock that
//! is set by hand; and the roles that use it.

#[path = "letters.rs"]
pub(crate) mod letters;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rocket::http::{ContentType, Cookie, Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;
use vestibule::Config;
use vestibule::Recorder;
use vestibule_domain::ports::{Clock, History, Users};
use vestibule_domain::{CleanUp, Cleaned, SendMail};

use self::letters::Letter;

/// A password that the policy takes.
pub(crate) const PASSWORD: &str = "nine wet sparrows hum";

pub(crate) struct App {
    pub(crate) client: Client,
    clock: Arc<HandSetClock>,
    /// Where its mail goes.
    outbox: TempDir,
}

/// What `Config` becomes where hashing is not what is tested.
pub(crate) fn cheap() -> Config {
    let mut config = Config::default();
    config.database.url = "sqlite::memory:".into();
    if let Some((database, sessions)) = crate::kept::urls(None) {
        config.database.url = database.into();
        config.sessions.url = Some(sessions.into());
    }
    // How busy the machine is that runs the tests is not what they test.
    config.database.acquire_timeout = Duration::from_secs(20);
    config.database.answer_timeout = Duration::from_secs(20);
    config.sessions.timeout = Duration::from_secs(20);
    config.secret_key = Some("a-key-for-tests-of-32-characters-or-more".into());
    config.passwords.memory_kib = 8;
    config.passwords.iterations = 1;
    config
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(&cheap()).await
    }

    pub(crate) async fn with(config: &Config) -> Self {
        let clock = Arc::new(HandSetClock(Mutex::new(datetime!(2026-11-23 12:00 UTC))));
        let outbox = TempDir::new().unwrap();
        let mut config = config.clone();
        config.mail.folder = outbox.path().to_owned();
        let rocket = vestibule::rocket(&config, Arc::clone(&clock) as Arc<dyn Clock>)
            .await
            .unwrap();
        Self {
            client: Client::untracked(rocket).await.unwrap(),
            clock,
            outbox,
        }
    }

    /// Waits until all that was recorded is in the database.
    pub(crate) async fn events_are_kept(&self) {
        let recorder = self.client.rocket().state::<Arc<Recorder>>().unwrap();
        recorder.settled().await;
    }

    /// What was sent since this was asked for the last time, the oldest first.
    pub(crate) async fn mail(&self) -> Vec<Letter> {
        let send = self.client.rocket().state::<Arc<SendMail>>().unwrap();
        while send.send_one().await.unwrap() {}
        letters::take(self.outbox.path())
    }

    /// Takes away what is too old.
    pub(crate) async fn clean_up(&self) -> Vec<Cleaned> {
        let clean_up = self.client.rocket().state::<Arc<CleanUp>>().unwrap();
        clean_up.round().await.unwrap()
    }

    /// The same; how many accounts went.
    pub(crate) async fn sweep(&self) -> u64 {
        let round = self.clean_up().await;
        let accounts = round.iter().find(|it| it.what.starts_with("accounts"));
        accounts.unwrap().count
    }

    pub(crate) fn users(&self) -> &dyn Users {
        let users = self.client.rocket().state::<Arc<dyn Users>>();
        users.unwrap().as_ref()
    }

    pub(crate) fn history(&self) -> &dyn History {
        let history = self.client.rocket().state::<Arc<dyn History>>();
        history.unwrap().as_ref()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// A browser that has never been here.
    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            app: self,
            address: None,
            cookies: BTreeMap::new(),
        }
    }

    /// The same, at this address.
    pub(crate) fn visitor_at(&self, address: IpAddr) -> Visitor<'_> {
        Visitor {
            address: Some(address),
            ..self.visitor()
        }
    }

    /// A browser whose owner has just registered.
    pub(crate) async fn member(&self, username: &str) -> Visitor<'_> {
        let mut visitor = self.visitor();
        let answer = visitor.register(username, PASSWORD).await;
        assert_eq!(answer.status, Status::SeeOther, "{}", answer.body);
        visitor
    }
}

struct HandSetClock(Mutex<OffsetDateTime>);

impl Clock for HandSetClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody with a browser: it keeps cookies, and sends what browsers send.
#[derive(Clone)]
pub(crate) struct Visitor<'a> {
    app: &'a App,
    /// Without one, the app sees none.
    pub(crate) address: Option<IpAddr>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.app.client.get(path.to_owned());
        self.send(request).await
    }

    /// Opens the page of `path`, fills in `fields` and sends its form.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get(path).await.csrf();
        self.post(path, &with_token(fields, &csrf)).await
    }

    /// Sends a form as it is, the way our own page would.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self
            .app
            .client
            .post(path.to_owned())
            .header(ContentType::Form)
            .header(Header::new("Sec-Fetch-Site", "same-origin"))
            .body(encode(fields));
        self.send(request).await
    }

    pub(crate) async fn login(&mut self, username: &str, password: &str) -> Answer {
        let fields = [("username", username), ("password", password)];
        self.submit("/login", &fields).await
    }

    pub(crate) async fn register(&mut self, username: &str, password: &str) -> Answer {
        let fields = [("username", username), ("password", password)];
        self.submit("/register", &fields).await
    }

    pub(crate) async fn logout(&mut self) -> Answer {
        let csrf = self.get("/dashboard").await.csrf();
        self.post("/logout", &[("csrf", &csrf)]).await
    }

    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/dashboard").await.status == Status::Ok
    }

    pub(crate) fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-session")
    }

    /// Sends any request with a `Cookie` header of any kind. Over a connection, Rocket fills its jar from that header;
    /// here both are filled.
    pub(crate) async fn send_with(&self, request: LocalRequest<'_>, line: &str) -> Answer {
        let jar = Cookie::split_parse_encoded(line.to_owned()).filter_map(Result::ok);
        let jar: Vec<_> = jar.map(Cookie::into_owned).collect();
        let request = request.header(Header::new("Cookie", line.to_owned()));
        Answer::of(request.cookies(jar)).await
    }

    /// Sends any request, with this browser's cookies, and keeps those of the answer.
    pub(crate) async fn send(&mut self, request: LocalRequest<'_>) -> Answer {
        let pairs = self.cookies.iter();
        let line = pairs.map(|(name, value)| format!("{name}={value}"));
        let line = line.collect::<Vec<_>>().join("; ");
        let request = match self.address {
            Some(address) => request.remote((address, 4711).into()),
            None => request,
        };
        let answer = self.send_with(request, &line).await;
        for cookie in &answer.cookies {
            if cookie.max_age() == Some(time::Duration::ZERO) {
                self.cookies.remove(cookie.name());
            } else {
                let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
                self.cookies.insert(name, value);
            }
        }
        answer
    }
}

pub(crate) fn with_token<'a>(
    fields: &[(&'a str, &'a str)],
    csrf: &'a str,
) -> Vec<(&'a str, &'a str)> {
    [fields, &[("csrf", csrf)]].concat()
}

pub(crate) fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) cookies: Vec<Cookie<'static>>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of(request: LocalRequest<'_>) -> Self {
        let response = request.dispatch().await;
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for header in response.headers().iter() {
            let name = header.name().as_str().to_lowercase();
            headers.entry(name).or_default().push(header.value().into());
        }
        let cookies = headers.get("set-cookie").into_iter().flatten();
        Self {
            status: response.status(),
            cookies: cookies
                .map(|text| Cookie::parse(text.clone()).unwrap())
                .collect(),
            headers,
            body: response.into_string().await.unwrap_or_default(),
        }
    }

    /// The one value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name).map(Vec::as_slice) {
            None => None,
            Some([value]) => Some(value),
            Some(many) => panic!("{name} is there {} times", many.len()),
        }
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&Cookie<'static>> {
        self.cookies.iter().find(|cookie| cookie.name() == name)
    }

    /// The token in the page's form.
    pub(crate) fn csrf(&self) -> String {
        self.value_of("csrf")
            .unwrap_or_else(|| panic!("no form on the page of {}: {}", self.status, self.body))
    }

    /// The headers, but for the one that names the request.
    pub(crate) fn nameless_headers(&self) -> BTreeMap<String, Vec<String>> {
        let mut headers = self.headers.clone();
        headers.remove("x-request-id");
        headers
    }

    /// What a visitor is to give who asks for help.
    pub(crate) fn code(&self) -> Option<String> {
        let (_, code) = self.body.split_once("<code>")?;
        Some(code.split_once('<')?.0.to_owned())
    }

    /// What the input of this name holds; `None` where there is no such input, or no value in it.
    pub(crate) fn value_of(&self, name: &str) -> Option<String> {
        value_of(&self.body, name)
    }

    /// What is said of the field of this name: the text of the element that `aria-describedby` names.
    pub(crate) fn said_of(&self, name: &str) -> String {
        let input = input(&self.body, name).expect("the field is there");
        let ids = input.split_once("aria-describedby=\"").map(|(_, ids)| ids);
        let ids = ids
            .and_then(|ids| ids.split_once('"'))
            .map_or("", |(ids, _)| ids);
        ids.split(' ')
            .filter_map(|id| {
                let (_, rest) = self.body.split_once(&format!("id=\"{id}\""))?;
                let (_, text) = rest.split_once('>')?;
                Some(unescape(text.split_once("</")?.0.trim()))
            })
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// What the input of this name holds on a page.
pub(crate) fn value_of(page: &str, name: &str) -> Option<String> {
    let (_, value) = input(page, name)?.split_once(" value=\"")?;
    let (value, _) = value.split_once('"')?;
    Some(unescape(value))
}

fn input<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let name = format!("name=\"{name}\"");
    page.split('<')
        .find(|tag| tag.starts_with("input") && tag.contains(&name))
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2F;", "/"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Every mounted route, as a method and a path that leads there.
pub(crate) fn routes(app: &App) -> Vec<(Method, String)> {
    app.client
        .rocket()
        .routes()
        .map(|route| {
            let path = route.uri.path().replace("<name>", "style.css");
            let path = path.replace("<purpose>/<token>", "verify/x");
            (route.method, path)
        })
        .collect()
}
