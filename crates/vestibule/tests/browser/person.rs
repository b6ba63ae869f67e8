//! Somebody at a browser: what they do, and what they see.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::{Client, Locator};
use serde_json::Value;
use url::{Position, Url};

use super::chromium::{Driver, Extra, Scripts};

/// A password that the policy takes.
pub(crate) const PASSWORD: &str = "nine wet sparrows hum";

/// What is waited for is there at once, or after one hash; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct Person {
    pub(crate) client: Client,
    home: Url,
    _driver: Driver,
}

impl Person {
    /// Somebody new, who visits the site that `url` names.
    pub(crate) async fn at(url: &str) -> Self {
        Self::with(Scripts::On, url).await
    }

    pub(crate) async fn with(scripts: Scripts, url: &str) -> Self {
        let driver = Driver::start();
        Self {
            client: driver.open(scripts).await,
            home: Url::parse(url).unwrap(),
            _driver: driver,
        }
    }

    /// Types an address of the site.
    pub(crate) async fn open(&self, path: &str) {
        let url = self.home.join(path).unwrap();
        self.client.goto(url.as_str()).await.unwrap();
    }

    /// Replaces what is in a field.
    pub(crate) async fn fill(&self, field: &str, text: &str) {
        let field = self.field(field).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses a button. One that sends a form leaves its page behind: what is looked for afterwards is on the next one,
    /// however alike the two are.
    pub(crate) async fn press(&self, button: &str) {
        self.press_one(&named("button", button)).await;
    }

    /// The same for one that reads as others do, and is told from them by its label.
    pub(crate) async fn press_labelled(&self, label: &str) {
        self.press_one(&format!("//button[@aria-label='{label}']"))
            .await;
    }

    async fn press_one(&self, xpath: &str) {
        let button = self.element(xpath).await;
        let sends = button.attr("type").await.unwrap().as_deref() == Some("submit");
        button.clone().click().await.unwrap();
        if sends {
            self.leaves(&button).await;
        }
    }

    /// Waits until the page that this element is on is gone.
    async fn leaves(&self, element: &Element) {
        let begin = Instant::now();
        loop {
            match element.tag_name().await {
                Err(CmdError::Standard(e)) if e.error == ErrorStatus::StaleElementReference => {
                    return;
                }
                // While one page makes way for the next, the driver may know neither: only that the old one is gone counts.
                outcome => assert!(begin.elapsed() < PATIENCE, "still there: {outcome:?}"),
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    pub(crate) async fn follow(&self, link: &str) {
        let link = self.element(&named("a", link)).await;
        link.click().await.unwrap();
    }

    pub(crate) async fn register(&self, username: &str, password: &str) {
        self.open("/register").await;
        self.fill("username", username).await;
        self.fill("password", password).await;
        self.press("Create account").await;
    }

    /// Fills in the login page that is open.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) {
        self.fill("username", username).await;
        self.fill("password", password).await;
        self.press("Sign in").await;
    }

    /// Waits for the page of this heading.
    pub(crate) async fn sees(&self, heading: &str) {
        self.element(&named("h1", heading)).await;
    }

    /// Waits until the address is this one, from the path on.
    pub(crate) async fn is_at(&self, path: &str) {
        let url = self.home.join(path).unwrap();
        let wait = self.client.wait().at_most(PATIENCE).every(GLANCE);
        if wait.for_url(&url).await.is_err() {
            let address = self.address().await;
            panic!("expected {path}, but is at {address}");
        }
    }

    /// Waits for the page that says this of the form, above it.
    pub(crate) async fn is_told(&self, words: &str) {
        let alert = format!("//*[@role='alert'][contains(., '{words}')]");
        self.element(&alert).await;
    }

    /// Waits for the page that says this beside a field, above the form, and to whom a screen reader reads the field.
    pub(crate) async fn is_told_of(&self, field: &str, words: &str) {
        self.element(&format!(
            "//*[@id='{field}-problem'][contains(., '{words}')]"
        ))
        .await;
        self.is_told(words).await;
        let input = self.field(field).await;
        let read_out = input.attr("aria-describedby").await.unwrap();
        let problem = format!("{field}-problem");
        let read_out = read_out.unwrap_or_default();
        assert!(read_out.split(' ').any(|id| id == problem), "{read_out}");
        let invalid = input.attr("aria-invalid").await.unwrap();
        assert_eq!(invalid.as_deref(), Some("true"));
    }

    /// What a field holds.
    pub(crate) async fn has_in(&self, field: &str) -> String {
        let value = self.field(field).await.prop("value").await.unwrap();
        value.unwrap()
    }

    /// All that the page shows.
    pub(crate) async fn reads(&self) -> String {
        self.element("//body").await.text().await.unwrap()
    }

    /// From the path on.
    pub(crate) async fn address(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url[Position::BeforePath..].to_owned()
    }

    pub(crate) async fn counts(&self, css: &str) -> usize {
        let found = self.client.find_all(Locator::Css(css)).await;
        found.unwrap().len()
    }

    pub(crate) async fn field(&self, name: &str) -> Element {
        self.element(&format!("//input[@name='{name}' and @type!='hidden']"))
            .await
    }

    /// The status that the page came with.
    pub(crate) async fn status(&self) -> Value {
        self.asks("performance.getEntriesByType('navigation')[0].responseStatus")
            .await
    }

    /// The value of an expression in the page.
    pub(crate) async fn asks(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap()
    }

    /// What keeps people out who see, hear or point differently: rules that are broken, and by which elements.
    pub(crate) async fn barriers(&self) -> Value {
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let axe = fs::read_to_string(tools.join("tools/axe.min.js"));
        let axe = axe.unwrap_or_else(|e| panic!("axe-core is missing ({e}); run scripts/test"));
        let script = format!(
            "{axe}; const done = arguments[arguments.length - 1];
            axe.run(document, {{ resultTypes: ['violations'] }}).then(found => done(found.violations.map(
                rule => `${{rule.id}}: ${{rule.nodes.map(node => node.target.join(' ')).join(', ')}}`)));"
        );
        self.client
            .execute_async(&script, Vec::new())
            .await
            .unwrap()
    }

    pub(crate) async fn tells_chromium(&self, command: &str, parameters: &Value) {
        let command = Extra::devtools(command, parameters);
        self.client.issue_cmd(command).await.unwrap();
    }

    /// What the browser has complained of since it was last asked: errors in scripts, what the policy forbids, what could
    /// not be loaded. That a page itself came with an error status is none of these.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Extra::complaints()).await.unwrap();
        let messages = log.as_array().unwrap().iter();
        messages
            .filter(|entry| entry["level"] == "WARNING" || entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .filter(|message| !self.is_status_of_a_page(message))
            .collect()
    }

    fn is_status_of_a_page(&self, message: &str) -> bool {
        let Some((url, said)) = message.split_once(" - ") else {
            return false;
        };
        let path = Url::parse(url).map(|url| url.path().to_owned());
        said.starts_with("Failed to load resource: the server responded with a status of 4")
            && path.is_ok_and(|path| {
                [
                    "/login",
                    "/register",
                    "/nowhere",
                    "/account/password",
                    "/account/username",
                    "/account/delete",
                    "/account/emails",
                    "/forgot",
                    "/link",
                    "/reset",
                ]
                .contains(&path.as_str())
            })
            && url.starts_with(self.home.as_str())
    }

    /// Waits for an element.
    async fn element(&self, xpath: &str) -> Element {
        let begin = Instant::now();
        loop {
            // While one page makes way for the next, the driver may not only not find it, but be at a loss.
            let why = match self.client.find(Locator::XPath(xpath)).await {
                Ok(element) => return element,
                Err(why) => why,
            };
            if begin.elapsed() > PATIENCE {
                let address = self.address().await;
                let body = self.client.find(Locator::Css("body")).await.unwrap();
                let page = body.text().await.unwrap();
                panic!("no {xpath} at {address} ({why}):\n{page}");
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// The element of this tag that reads so.
fn named(tag: &str, text: &str) -> String {
    format!("//{tag}[normalize-space()='{text}']")
}
