use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Where a mail server is: `smtps://user:password@host:465` for TLS from the start, `smtp://user:password@host:587` for TLS
/// that is asked for and insisted on; on this machine `smtp://` is plain.
#[derive(Clone, PartialEq, Eq)]
pub struct MailUrl {
    pub(crate) tls: Tls,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) credentials: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    FromTheStart,
    Required,
    None,
}

impl MailUrl {
    /// Reads one; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let ends = matches!(url.path(), "" | "/") && url.query().is_none();
        if !ends || url.fragment().is_some() {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?;
        // The parser leaves hosts of schemes that it does not know as they are.
        let host = Host::parse(&host.to_ascii_lowercase()).ok()?;
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::FromTheStart, 465),
            "smtp" if is_here(&host) => (Tls::None, 25),
            // Source: RFC 6409, section 3.1.
            "smtp" => (Tls::Required, 587),
            _ => return None,
        };
        let decode = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.ok().map(std::borrow::Cow::into_owned)
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some((decode(user)?, decode(password)?)),
            _ => return None,
        };
        Some(Self {
            tls,
            host: match host {
                Host::Ipv6(address) => address.to_string(),
                other => other.to_string(),
            },
            port: url.port().unwrap_or(port),
            credentials,
        })
    }
}

/// Whether what is said there leaves this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::from(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).is_loopback(),
    }
}

/// The password prints as nothing.
impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.tls {
            Tls::FromTheStart => "smtps",
            Tls::Required | Tls::None => "smtp",
        };
        write!(f, "{scheme}://")?;
        if let Some((user, _)) = &self.credentials {
            write!(f, "{user}:***@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_is_encrypted() {
        for (text, tls, shown) in [
            (
                "smtps://mail.example.com",
                Tls::FromTheStart,
                "smtps://mail.example.com:465",
            ),
            (
                "smtp://mail.example.com",
                Tls::Required,
                "smtp://mail.example.com:587",
            ),
            (
                "smtp://mail.example.com:25/",
                Tls::Required,
                "smtp://mail.example.com:25",
            ),
            ("smtp://10.0.0.7", Tls::Required, "smtp://10.0.0.7:587"),
            (
                "smtp://localhost.example.com",
                Tls::Required,
                "smtp://localhost.example.com:587",
            ),
            ("smtp://localhost:1025", Tls::None, "smtp://localhost:1025"),
            ("smtp://127.0.0.1", Tls::None, "smtp://127.0.0.1:25"),
            ("smtp://[::1]:2525", Tls::None, "smtp://[::1]:2525"),
            (
                "smtps://Ada%40x:p%40ss@Mail.Example.com",
                Tls::FromTheStart,
                "smtps://Ada@x:***@mail.example.com:465",
            ),
        ] {
            let url = MailUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (url.tls, url.to_string()),
                (tls, shown.to_owned()),
                "{text}"
            );
            assert!(!format!("{url:?}").contains("p@ss"));
        }
        let url = MailUrl::parse("smtps://Ada%40x:p%40ss@h.example").unwrap();
        assert_eq!(url.credentials, Some(("Ada@x".into(), "p@ss".into())));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp:",
            "smtp://",
            "smtp:///x",
            "smtp://user@mail.example.com",
            "smtp://:password@mail.example.com",
            "smtp://mail.example.com/?tls=none",
            "smtp://mail.example.com/x",
            "smtp://mail.example.com#x",
            "smtp://mail example.com",
            "smtp://mail.example.com:99999",
        ] {
            assert_eq!(MailUrl::parse(text), None, "{text}");
        }
    }
}
