use std::net::IpAddr;
use std::time::Duration;

use rocket::http::{Cookie, CookieJar, SameSite};
use url::{Host, Url};

use crate::Keys;

/// What the pages have to know about where they stand.
pub struct Site {
    /// The origins that browsers name when they send one of our forms.
    origins: Vec<String>,
    /// Whether cookies may be `Secure`, and so carry the prefix that binds them to this host.
    secure: bool,
    /// What signs the tokens in forms.
    pub(crate) keys: Keys,
}

impl Site {
    /// A site that visitors reach at `public_url`, with keys that nobody else has and every instance shares.
    pub fn new(public_url: &Url, keys: Keys) -> Self {
        let mut origins = vec![public_url.origin().ascii_serialization()];
        let mut here = public_url.clone();
        if is_loopback(public_url) {
            // Other names of this machine, which people type as well.
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                if here.set_host(Some(name)).is_ok() {
                    origins.push(here.origin().ascii_serialization());
                }
            }
        }
        Self {
            origins,
            secure: public_url.scheme() == "https" || is_loopback(public_url),
            keys,
        }
    }

    /// Whether this is what browsers say of our own pages.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|ours| ours == origin)
    }

    /// Whether cookies reach us over encrypted or local connections alone. Where not, whoever listens on the way signs in
    /// as somebody else.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The cookie of somebody signed in.
    pub(crate) fn session_cookie(&self) -> &'static str {
        if self.secure {
            "__Host-session"
        } else {
            "session"
        }
    }

    /// The cookie of everybody else: random, it binds forms to the browser that fetched them.
    pub(crate) fn visitor_cookie(&self) -> &'static str {
        if self.secure {
            "__Host-visitor"
        } else {
            "visitor"
        }
    }

    /// The cookie of somebody who has just signed out, for one page.
    pub(crate) fn farewell_cookie(&self) -> &'static str {
        if self.secure {
            "__Host-farewell"
        } else {
            "farewell"
        }
    }

    /// The cookie of somebody who has just done something, for one page.
    pub(crate) fn notice_cookie(&self) -> &'static str {
        if self.secure {
            "__Host-notice"
        } else {
            "notice"
        }
    }

    /// The cookie of somebody who has opened a link in a mail.
    pub(crate) fn link_cookie(&self) -> &'static str {
        if self.secure { "__Host-link" } else { "link" }
    }

    /// The cookie of a browser that has signed in before.
    pub(crate) fn device_cookie(&self) -> &'static str {
        if self.secure {
            "__Host-device"
        } else {
            "device"
        }
    }

    /// Hands out a cookie: until the browser is closed, or for as long as `keep` says.
    ///
    /// `__Host-` makes browsers insist on `Secure`, `Path=/` and no `Domain`. Source: RFC 6265bis, section 4.1.3.2.
    pub(crate) fn add(
        &self,
        jar: &CookieJar<'_>,
        name: &'static str,
        value: String,
        keep: Option<Duration>,
    ) {
        let mut cookie = self.cookie(name, value);
        cookie.set_max_age(keep.and_then(|keep| keep.try_into().ok()));
        jar.add(cookie);
    }

    /// Takes a cookie away, where the browser has it.
    pub(crate) fn remove(&self, jar: &CookieJar<'_>, name: &'static str) {
        if jar.get(name).is_some() {
            jar.remove(self.cookie(name, String::new()));
        }
    }

    fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build((name, value))
            .path("/")
            .secure(self.secure)
            .http_only(true)
            .same_site(SameSite::Lax)
            .build()
    }
}

/// Browsers take `http` to these names for a secure connection. Source: W3C Secure Contexts, section 3.1.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_secure_wherever_browsers_take_them() {
        for (url, secure) in [
            ("https://login.example.com", true),
            ("http://localhost:8000", true),
            ("http://vestibule.localhost", true),
            ("http://127.0.0.5:8000", true),
            ("http://[::1]:8000", true),
            ("http://192.168.1.5:8000", false),
            ("http://localhost.example.com", false),
        ] {
            let site = Site::new(&Url::parse(url).unwrap(), Keys::new("key".into(), vec![]));
            assert_eq!(site.is_secure(), secure, "{url}");
        }
    }
}
