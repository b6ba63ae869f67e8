//! A walk through all pages, signed in and not: what is in them, and what is not.

use rocket::http::{Header, Method, SameSite, Status};

use crate::app::{Answer, App, PASSWORD, routes};

/// Every answer of a walk, with where it was asked for: all pages as a stranger and as ada, her sign-in and her way out.
async fn walk(app: &App) -> (Vec<(String, Answer)>, Vec<String>) {
    let mut answers = Vec::new();
    let mut ada = app.visitor();
    answers.push((
        "POST /register".to_owned(),
        ada.register("ada", PASSWORD).await,
    ));
    let mut tokens = vec![ada.session().unwrap().clone()];
    let mut ada = app.visitor();
    answers.push(("POST /login".to_owned(), ada.login("ada", PASSWORD).await));
    tokens.extend(ada.session().cloned());
    let extra = [
        "/nowhere",
        "/static/show-password.js",
        "/login?next=/dashboard",
        "/login?next=//evil.test",
    ];
    let listed = routes(app)
        .into_iter()
        .filter(|(method, _)| *method == Method::Get);
    let paths: Vec<String> = listed
        .map(|(_, path)| path)
        .chain(extra.map(str::to_owned))
        .collect();
    for path in &paths {
        answers.push((path.clone(), app.visitor().get(path).await));
        answers.push((path.clone(), ada.get(path).await));
    }
    let odd = ada.post("/login", &[("username", "ada")]).await;
    answers.push(("a form without a token".to_owned(), odd));
    answers.push(("POST /logout".to_owned(), ada.logout().await));
    answers.push(("after it".to_owned(), ada.get("/login").await));
    (answers, tokens)
}

#[rocket::async_test]
async fn every_cookie_is_as_closed_as_the_session() {
    let app = App::new().await;
    let (answers, _) = walk(&app).await;
    let mut names = std::collections::BTreeSet::new();
    for (place, answer) in &answers {
        for cookie in &answer.cookies {
            names.insert(cookie.name().to_owned());
            assert!(cookie.name().starts_with("__Host-"), "{place}: {cookie}");
            assert_eq!(cookie.secure(), Some(true), "{place}: {cookie}");
            assert_eq!(cookie.http_only(), Some(true), "{place}: {cookie}");
            assert_eq!(cookie.same_site(), Some(SameSite::Lax), "{place}: {cookie}");
            assert_eq!(cookie.path(), Some("/"), "{place}: {cookie}");
            assert_eq!(cookie.domain(), None, "{place}: {cookie}");
            // RFC 6265bis allows 4096.
            assert!(
                cookie.name().len() + cookie.value().len() <= 256,
                "{place}: {cookie}"
            );
        }
    }
    assert!(
        names.contains("__Host-session") && names.contains("__Host-visitor"),
        "{names:?}"
    );
}

#[rocket::async_test]
async fn the_token_is_in_the_cookie_and_nowhere_else() {
    let app = App::new().await;
    let (answers, tokens) = walk(&app).await;
    assert_eq!(tokens.len(), 2);
    for (place, answer) in &answers {
        for secret in tokens.iter().map(String::as_str).chain([PASSWORD]) {
            assert!(!answer.body.contains(secret), "{place}");
            for (name, values) in &answer.headers {
                let found = values.iter().any(|value| value.contains(secret));
                assert!(!found || name == "set-cookie", "{place}: {name}");
            }
        }
        // Nothing secret goes into an address either.
        assert!(!answer.location().contains("csrf"), "{place}");
        assert!(!answer.body.contains("?csrf="), "{place}");
    }
}

#[rocket::async_test]
async fn no_page_has_a_script_or_style_of_its_own_or_of_others() {
    let app = App::new().await;
    for (place, answer) in walk(&app).await.0 {
        let page = answer.body.to_lowercase().replace("&#x2f;", "/");
        for tag in page.split('<').filter(|_| {
            answer
                .header("content-type")
                .is_some_and(|kind| kind.contains("html"))
        }) {
            let name = tag.split([' ', '>', '\n', '/']).next().unwrap_or_default();
            assert!(
                ![
                    "style", "object", "embed", "applet", "iframe", "base", "frame"
                ]
                .contains(&name),
                "{place}: {tag}"
            );
            assert!(
                name != "script" || tag.contains("src=\"/static/"),
                "{place}: {tag}"
            );
            for attribute in ["src=\"", "href=\"", "action=\""] {
                if let Some((_, value)) = tag.split_once(attribute) {
                    let ours = value.starts_with(['/', '#']) && !value.starts_with("//")
                        || value.starts_with("data:image");
                    assert!(ours, "{place}: {tag}");
                }
            }
            assert!(
                !tag.contains(" style=")
                    && !tag.contains(" onclick=")
                    && !tag.contains("javascript:"),
                "{place}: {tag}"
            );
        }
    }
}

#[rocket::async_test]
async fn static_files_are_the_same_for_everybody() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    for path in [
        "/static/style.css",
        "/static/show-password.js",
        "/farewell.svg",
    ] {
        let (theirs, hers) = (app.visitor().get(path).await, ada.get(path).await);
        assert_eq!(theirs.status, Status::Ok, "{path}");
        assert_eq!(theirs.body, hers.body, "{path}");
        assert_eq!(theirs.nameless_headers(), hers.nameless_headers(), "{path}");
    }
}

#[rocket::async_test]
async fn scripts_show_text_as_text() {
    let app = App::new().await;
    let script = app.visitor().get("/static/show-password.js").await.body;
    assert!(script.contains("textContent"));
    for odd in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "Storage",
        "indexedDB",
        "cookie",
    ] {
        assert!(!script.contains(odd), "{odd}");
    }
}

#[rocket::async_test]
async fn a_callback_changes_no_answer() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    // What happened is on a page of its own.
    app.events_are_kept().await;
    for (method, path) in routes(&app) {
        if method != Method::Get || path == "/login" || path == "/register" {
            continue;
        }
        let plain = ada.get(&path).await;
        for query in ["callback=x", "jsonp=x", "cb=alert(1)", "format=json"] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, plain.status, "{path}?{query}");
            assert_eq!(answer.body, plain.body, "{path}?{query}");
            assert_eq!(answer.header("content-type"), plain.header("content-type"));
        }
        let request = app
            .client
            .get(path.clone())
            .header(Header::new("Accept", "application/javascript"));
        assert_eq!(ada.send(request).await.body, plain.body, "{path}");
    }
}

#[rocket::async_test]
async fn error_pages_tell_nothing_of_the_inside() {
    let app = App::new().await;
    let mut visitor = app.visitor();
    let csrf = visitor.get("/login").await.csrf();
    let answers = [
        visitor.get("/nowhere%00<x>").await,
        visitor.get("/static/../../Cargo.toml").await,
        visitor.post("/login", &[("csrf", "x")]).await,
        visitor
            .post("/login", &[("csrf", &csrf), ("odd", "x")])
            .await,
        visitor
            .post("/login", &[("csrf", &csrf), ("next", &"a".repeat(20_000))])
            .await,
    ];
    for answer in answers {
        assert!(
            (400..500).contains(&answer.status.code),
            "{}",
            answer.status
        );
        let page = answer.body.to_lowercase();
        for word in [
            "rocket",
            "tera",
            "sqlite",
            "select ",
            "panick",
            ".rs",
            "/work",
            "/home",
            "backtrace",
            "src/",
            "argon2",
            "cargo",
        ] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}
