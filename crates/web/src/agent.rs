use rocket::Request;
use woothee::parser::Parser;

/// The browser and the system in words, as the request's `User-Agent` has them; `None` where it names neither. Nothing else
/// of that header is kept.
pub(crate) fn agent(req: &Request<'_>) -> Option<String> {
    in_words(req.headers().get_one("User-Agent")?)
}

/// Longer than any browser's.
const MOST_BYTES: usize = 512;

fn in_words(header: &str) -> Option<String> {
    if header.len() > MOST_BYTES {
        return None;
    }
    let seen = Parser::new().parse(header)?;
    let known = |name: &str| (name != "UNKNOWN" && !name.is_empty()).then(|| name.to_owned());
    let system = match seen.os {
        os if os.starts_with("Windows") => Some("Windows".to_owned()),
        "Mac OSX" => Some("macOS".to_owned()),
        os => known(os),
    };
    match (known(seen.name), system) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (browser, system) => browser.or(system),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn browsers_are_told_in_words() {
        for (header, words) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                Some("Firefox on Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                Some("Chrome on Windows"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                Some("Edge on Windows"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                Some("Safari on macOS"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                Some("Safari on iPhone"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
                Some("Chrome on Android"),
            ),
            ("", None),
            ("<script>alert(1)</script>", None),
        ] {
            assert_eq!(in_words(header).as_deref(), words, "{header}");
        }
    }

    proptest! {
        #[test]
        fn fuzz_user_agent(header in "(Mozilla/5\\.0|Opera|\\(|\\)|;| |Windows NT 10|Chrome/1|<b>|[ -~]){0,12}") {
            if let Some(words) = in_words(&header) {
                prop_assert!(words.len() < 64 && !words.contains(['<', '>', '\n']), "{words}");
            }
        }
    }
}
