//! A browser, as far as the program can tell: over a real connection, with cookies kept by hand, since clients other than
//! browsers do not send `Secure` ones to `http://localhost`.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Response};

use crate::app::{encode, value_of, with_token};

#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    url: String,
    cookies: BTreeMap<String, String>,
    /// Every cookie that it was ever given, by name and value.
    pub(crate) given: BTreeSet<(String, String)>,
    /// Sent with every request.
    headers: HeaderMap,
}

/// What came back.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    /// Where it leads; empty where it leads nowhere.
    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

impl Person {
    /// Somebody new at the server that `url` names.
    pub(crate) fn at(url: &str) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            client,
            // Whatever `localhost` is on this machine, the server is there.
            url: url.replace("localhost", "127.0.0.1"),
            cookies: BTreeMap::new(),
            given: BTreeSet::new(),
            headers: HeaderMap::new(),
        }
    }

    /// Somebody who sends these lines with every request.
    pub(crate) fn saying(mut self, lines: &[(&'static str, &str)]) -> Self {
        for (name, value) in lines {
            self.headers.append(*name, value.parse().unwrap());
        }
        self
    }

    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn get(&mut self, path: &str) -> reqwest::Result<Page> {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = request.headers(self.headers.clone());
        let answer = request.header(COOKIE, self.cookie()).send().await?;
        self.read(answer).await
    }

    /// Opens the page of `path`, fills in `fields` and sends its form.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn submit(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::Result<Page> {
        let page = self.get(path).await?;
        self.send(path, &page, fields).await
    }

    /// Sends the form of a page that was opened before.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn send(
        &mut self,
        path: &str,
        page: &Page,
        fields: &[(&str, &str)],
    ) -> reqwest::Result<Page> {
        let csrf = value_of(&page.body, "csrf").expect("a form");
        let answer = self
            .client
            .post(format!("{}{path}", self.url))
            .headers(self.headers.clone())
            .header(COOKIE, self.cookie())
            .header("Sec-Fetch-Site", "same-origin")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(encode(&with_token(fields, &csrf)))
            .send()
            .await?;
        self.read(answer).await
    }

    /// The same cookies for another server, as a browser has them for the same host.
    pub(crate) fn move_to(&mut self, url: &str) {
        self.url = Self::at(url).url;
    }

    async fn read(&mut self, answer: Response) -> reqwest::Result<Page> {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
            self.given.insert((name.to_owned(), value.to_owned()));
        }
        Ok(Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await?,
        })
    }

    /// The header that it sends.
    pub(crate) fn cookie(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }
}
