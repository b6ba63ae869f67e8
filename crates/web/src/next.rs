use rocket::http::uri::Origin;
use url::Url;

/// Where somebody wanted to be before they were asked to sign in: a path of our own, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next(String);

impl Next {
    /// What a Location header and a hidden field carry without trouble.
    const MAX_BYTES: usize = 1024;

    /// `None` for all that is not a path of our own: an address elsewhere in any disguise, or one that is too long.
    ///
    /// What is checked is what browsers would make of the text, and that is also what is kept.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_BYTES || !text.starts_with('/') {
            return None;
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return None;
        }
        let here = Url::parse("http://here.invalid").ok()?;
        let mut url = here.join(text).ok()?;
        url.set_fragment(None);
        if url.origin() != here.origin() {
            return None;
        }
        let path = url[url::Position::BeforePath..].to_owned();
        // "/.//elsewhere" has become "//elsewhere" by now, which is another host.
        let ours = !path.starts_with("//")
            && path.len() <= Self::MAX_BYTES
            && Origin::parse(&path).is_ok();
        ours.then_some(Self(path))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Option<String> {
        Next::parse(text).map(|next| next.0)
    }

    #[test]
    fn paths_of_our_own_pass() {
        for path in [
            "/",
            "/dashboard",
            "/a/b?c=d&e=%2F",
            "/%2f%2fevil.test",
            "/@evil.test",
            "/a:b",
        ] {
            assert_eq!(parsed(path).as_deref(), Some(path));
        }
    }

    #[test]
    fn everything_else_is_dropped() {
        for text in [
            "",
            "dashboard",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "/.//evil.test",
            "/..//evil.test",
            "/a/../..//evil.test",
            "https://evil.test",
            "https:/evil.test",
            "http:evil.test",
            "javascript:alert(1)",
            "data:text/html,x",
            " /dashboard",
            "\u{feff}/dashboard",
            "/a\r\nSet-Cookie: x=y",
            "?next=/",
            "#x",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        assert_eq!(parsed(&format!("/{}", "a".repeat(1024))), None);
    }

    #[test]
    fn what_is_kept_is_what_browsers_would_ask_for() {
        assert_eq!(
            parsed("/a/../b c?d=é#f").as_deref(),
            Some("/b%20c?d=%C3%A9")
        );
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_browser_stays_here(text in "[/\\\\.@:?#a-e\t\u{0}-\u{20}é%25]{0,24}|.{0,40}") {
            if let Some(path) = parsed(&text) {
                let here = Url::parse("https://login.example/login").unwrap();
                let there = here.join(&path).unwrap();
                prop_assert_eq!(there.origin(), here.origin());
                prop_assert!(path.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert_eq!(parsed(&path), Some(path.clone()));
            }
        }
    }
}
