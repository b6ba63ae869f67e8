//! What Mozilla's HTTP Observatory would say of the headers, by its published table of scores.
//!
//! Source: mdn/mdn-http-observatory, `src/grader/charts.js` at 94042bb. What it finds out by asking elsewhere counts as
//! nothing here: the preload list of browsers, and whether plain http redirects to https, which the proxy does.

use rocket::http::{SameSite, Status};

use crate::app::{Answer, App, PASSWORD};

/// An A+ begins at 100. Bonuses count only from 90 on.
fn score(answer: &Answer) -> i32 {
    let points = [
        policy(answer.header("content-security-policy")),
        cookies(answer),
        sharing(answer),
        referrer(answer.header("referrer-policy")),
        transport(answer.header("strict-transport-security")),
        scripts(&answer.body),
        sniffing(answer.header("x-content-type-options")),
        frames(answer),
        resources(answer.header("cross-origin-resource-policy")),
        embedders(answer.header("cross-origin-embedder-policy")),
    ];
    let base = 100 + points.iter().filter(|points| **points < 0).sum::<i32>();
    let bonus: i32 = points.iter().filter(|points| **points > 0).sum();
    if base >= 90 {
        base + bonus
    } else {
        base.max(0)
    }
}

/// The sources of a directive; those of `default-src` where it is missing and that one stands in.
fn sources<'a>(policy: &'a str, name: &str, default: &str) -> Option<Vec<&'a str>> {
    let of = |name: &str| {
        policy.split(';').find_map(|directive| {
            let mut words = directive.split_ascii_whitespace();
            (words.next() == Some(name)).then(|| words.collect())
        })
    };
    of(name).or_else(|| of(default))
}

fn policy(policy: Option<&str>) -> i32 {
    let Some(policy) = policy else { return -25 };
    let is_broad = |source: &&str| matches!(*source, "*" | "http:" | "https:" | "data:");
    let has = |name: &str, word: &str| {
        sources(policy, name, "default-src").is_some_and(|sources| sources.contains(&word))
    };
    for name in ["script-src", "object-src"] {
        let Some(sources) = sources(policy, name, "default-src") else {
            return -20;
        };
        if sources.iter().any(is_broad) {
            return -20;
        }
    }
    if has("script-src", "'unsafe-inline'") {
        return -20;
    }
    if policy.contains("http:") {
        return -20;
    }
    if policy.contains("'unsafe-eval'") {
        return -10;
    }
    let styles = sources(policy, "style-src", "default-src").unwrap_or_default();
    if has("style-src", "'unsafe-inline'") || styles.iter().any(is_broad) {
        return 0;
    }
    let by_default = sources(policy, "default-src", "");
    let forms = sources(policy, "form-action", "").unwrap_or_default();
    let is_strict =
        by_default == Some(vec!["'none'"]) && (forms == ["'self'"] || forms == ["'none'"]);
    if is_strict { 10 } else { 5 }
}

fn cookies(answer: &Answer) -> i32 {
    let worst = answer.cookies.iter().map(|cookie| {
        // A cookie of a session, or against forged forms: which of ours are is not to be guessed by their names.
        if cookie.secure() != Some(true) {
            -40
        } else if cookie.http_only() != Some(true) {
            -30
        } else {
            match cookie.same_site() {
                Some(SameSite::Lax | SameSite::Strict) => 5,
                Some(SameSite::None) | None => -20,
            }
        }
    });
    worst.min().unwrap_or(0)
}

fn sharing(answer: &Answer) -> i32 {
    let with_credentials = answer.header("access-control-allow-credentials") == Some("true");
    if with_credentials { -50 } else { 0 }
}

fn referrer(policy: Option<&str>) -> i32 {
    match policy {
        None => 0,
        Some(
            "no-referrer" | "same-origin" | "strict-origin" | "strict-origin-when-cross-origin",
        ) => 5,
        Some(_) => -5,
    }
}

fn transport(policy: Option<&str>) -> i32 {
    const SIX_MONTHS: u64 = 15_768_000;
    let age = policy.and_then(|policy| {
        policy
            .split(';')
            .find_map(|part| part.trim().strip_prefix("max-age="))
    });
    match age.and_then(|age| age.parse::<u64>().ok()) {
        None => -20,
        Some(age) if age < SIX_MONTHS => -10,
        Some(_) => 0,
    }
}

/// Scripts of others, without a checksum.
fn scripts(page: &str) -> i32 {
    let mut tags = page.split("<script").skip(1);
    let is_foreign = |tag: &str| tag.contains("src=\"http") || tag.contains("src=\"//");
    if tags.any(is_foreign) { -50 } else { 0 }
}

fn sniffing(options: Option<&str>) -> i32 {
    if options == Some("nosniff") { 0 } else { -5 }
}

fn frames(answer: &Answer) -> i32 {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let options = answer.header("x-frame-options");
    match (sources(policy, "frame-ancestors", ""), options) {
        (Some(_), _) | (None, Some("DENY" | "SAMEORIGIN")) => 5,
        (None, _) => -20,
    }
}

fn resources(policy: Option<&str>) -> i32 {
    match policy {
        Some("same-origin" | "same-site") => 10,
        None | Some("cross-origin") => 0,
        Some(_) => -5,
    }
}

fn embedders(policy: Option<&str>) -> i32 {
    match policy {
        Some("require-corp" | "credentialless") => 10,
        _ => 0,
    }
}

#[rocket::async_test]
async fn every_page_scores_more_than_an_a_plus() {
    let app = App::new().await;
    let mut visitor = app.visitor();
    let mut answers = Vec::new();
    for path in [
        "/login",
        "/register",
        "/nowhere",
        "/static/style.css",
        "/",
        "/health/ready",
    ] {
        answers.push((path, visitor.get(path).await));
    }
    answers.push(("a refused form", visitor.post("/login", &[]).await));
    answers.push((
        "registered",
        visitor
            .submit("/register", &[("username", "ada"), ("password", PASSWORD)])
            .await,
    ));
    let dashboard = visitor.get("/dashboard").await;
    assert_eq!(dashboard.status, Status::Ok);
    answers.push(("/dashboard", dashboard));
    let mut again = app.visitor();
    answers.push(("logged in", again.login("ada", PASSWORD).await));
    answers.push(("logged out", again.logout().await));
    let set: usize = answers.iter().map(|(_, answer)| answer.cookies.len()).sum();
    assert!(set >= 5, "the cookies are looked at");
    for (what, answer) in answers {
        let expected = if answer.cookies.is_empty() { 140 } else { 145 };
        assert_eq!(score(&answer), expected, "{what}: {:?}", answer.headers);
    }
}

#[test]
fn the_table_takes_off_what_it_takes_off() {
    for (policy_text, points) in [
        ("default-src 'none'; form-action 'self'", 10),
        ("default-src 'none'", 5),
        ("default-src 'self'; form-action 'self'", 5),
        ("default-src 'none'; style-src 'unsafe-inline'", 0),
        ("default-src 'self'; script-src 'self' 'unsafe-eval'", -10),
        ("default-src 'self' 'unsafe-inline'", -20),
        ("script-src https:; object-src 'none'", -20),
        ("img-src 'self'", -20),
    ] {
        assert_eq!(policy(Some(policy_text)), points, "{policy_text}");
    }
    assert_eq!(policy(None), -25);
    assert_eq!(transport(Some("max-age=1")), -10);
    assert_eq!(referrer(Some("unsafe-url")), -5);
}
