//! Sweeps over all mounted routes, so that a new page cannot forget what each page owes.

use rocket::http::{ContentType, Header, Method, Status};

use crate::app::{Answer, App, PASSWORD, encode, routes, with_token};

/// The routes that anybody may ask for; all others are for signed-in people.
const PUBLIC: [&str; 12] = [
    "/",
    "/login",
    "/register",
    "/logout",
    "/forgot",
    "/reset",
    "/link",
    "/link/verify/x",
    "/farewell.svg",
    "/static/style.css",
    "/health/live",
    "/health/ready",
];

/// How many forms there are.
pub(crate) const POSTS: usize = 13;

pub(crate) fn has_all_headers(answer: &Answer, what: &str) {
    let csp = answer.header("content-security-policy").unwrap_or_default();
    for directive in [
        "default-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(csp.contains(directive), "{what}: {csp}");
    }
    assert!(!csp.contains("unsafe"), "{what}: {csp}");
    for (name, value) in [
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    assert!(answer.header("permissions-policy").is_some(), "{what}");
    assert_eq!(answer.header("server"), None, "{what}");
    assert_eq!(answer.header("access-control-allow-origin"), None, "{what}");
    let cache = answer.header("cache-control").unwrap_or_default();
    if what.contains("/static/") && answer.status == Status::Ok {
        assert!(cache.starts_with("public"), "{what}: {cache}");
    } else {
        assert_eq!(cache, "no-store", "{what}");
    }
    if !answer.body.is_empty() {
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(
            kind == "image/svg+xml" || kind.starts_with("text/") && kind.ends_with("charset=utf-8"),
            "{what}: {kind}"
        );
    }
}

#[rocket::async_test]
async fn every_answer_has_every_header() {
    let app = App::new().await;
    let member = app.member("ada").await;
    for (method, path) in routes(&app) {
        for visitor in [app.visitor(), member.clone()] {
            for with in [
                method,
                Method::Head,
                Method::Put,
                Method::Trace,
                Method::Options,
            ] {
                let request = app.client.req(with, path.clone());
                let answer = visitor.clone().send(request).await;
                has_all_headers(&answer, &format!("{with} {path}: {}", answer.status));
                assert!(answer.status.code < 500, "{with} {path}");
            }
        }
    }
    for path in [
        "/nowhere",
        "/static/nothing.css",
        "/static/",
        "/.git/HEAD",
        "/static/..%2f..%2fCargo.toml",
        "/%00",
    ] {
        let answer = app.visitor().get(path).await;
        assert_eq!(answer.status, Status::NotFound, "{path}");
        assert!(answer.body.contains("There is no such page"), "{path}");
        has_all_headers(&answer, path);
    }
}

#[rocket::async_test]
async fn every_route_that_is_not_public_leads_to_the_login_page() {
    let app = App::new().await;
    let mut private = 0;
    for (method, path) in routes(&app) {
        if PUBLIC.contains(&path.as_str()) {
            continue;
        }
        private += 1;
        for cookie in [None, Some("A".repeat(64)), Some("x".to_owned())] {
            let mut visitor = app.visitor();
            if let Some(cookie) = cookie {
                visitor.cookies.insert("__Host-session".into(), cookie);
            }
            let answer = visitor.send(app.client.req(method, path.clone())).await;
            assert_eq!(answer.status, Status::SeeOther, "{method} {path}");
            // What was to be sent is not sent again.
            let login = match method {
                Method::Post => "/login".to_owned(),
                _ => format!("/login?next={}", path.replace('/', "%2F")),
            };
            assert_eq!(answer.location(), login);
        }
    }
    assert!(private > 0, "there are private pages");
}

#[rocket::async_test]
async fn asking_changes_nothing() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let before = ada.session().cloned();
    for (_, path) in routes(&app) {
        for method in [Method::Get, Method::Head] {
            let answer = ada.send(app.client.req(method, path.clone())).await;
            assert!(answer.cookie("__Host-session").is_none(), "{method} {path}");
        }
    }
    assert_eq!(ada.session().cloned(), before);
    assert!(ada.is_signed_in().await);
}

/// What the form of each path has to hold, less its token.
pub(crate) fn fields_of(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/logout" | "/link" | "/account/keep" => &[],
        "/account/username" => &[("username", "eve")],
        "/account/delete" => &[("username", "ada"), ("password", PASSWORD)],
        "/forgot" => &[("account", "ada")],
        "/reset" => &[("new", PASSWORD)],
        "/account/emails" => &[("act", "add"), ("email", "eve@example.com")],
        "/login" | "/register" => &[("username", "eve"), ("password", PASSWORD)],
        "/confirm" => &[("password", PASSWORD)],
        "/account/password" => &[("old", PASSWORD), ("new", "ten dry sparrows hum")],
        "/account/sessions" => &[("session", "others")],
        odd => panic!("what does the form of {odd} hold?"),
    }
}

/// What it may hold besides.
pub(crate) fn optional_fields_of(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/login" => &[("next", "/dashboard"), ("remember", "on")],
        "/register" => &[("next", "/dashboard"), ("email", "eve@example.com")],
        "/confirm" => &[("next", "/dashboard")],
        _ => &[],
    }
}

/// What is wrong, the headers, the body.
type Case<'a> = (&'a str, Vec<(&'static str, &'static str)>, String);

/// Every way in which a form that is not ours arrives. None of them is let in, and none has an effect.
#[rocket::async_test]
async fn no_post_takes_a_form_that_is_not_ours() {
    let app = App::new().await;
    let ada = app.member("ada").await;
    let mut other = app.member("bob").await;
    let foreign = other.get("/dashboard").await.csrf();
    let mut stranger = app.visitor();
    let before_sign_in = stranger.get("/login").await.csrf();
    let mut posts = 0;

    for (method, path) in routes(&app) {
        if method != Method::Post {
            continue;
        }
        posts += 1;
        for mut visitor in [ada.clone(), app.visitor(), stranger.clone()] {
            let csrf = visitor.get("/dashboard").await;
            let csrf = if csrf.status == Status::Ok {
                csrf.csrf()
            } else {
                visitor.get("/login").await.csrf()
            };
            let fields = |token: &str| encode(&with_token(fields_of(&path), token));
            let is_known = visitor.cookies == ada.cookies;
            let mut cases: Vec<Case<'_>> = Vec::new();
            for site in ["cross-site", "same-site", "none", "", "SAME-ORIGIN"] {
                cases.push((
                    "a right token from there",
                    vec![("Sec-Fetch-Site", site)],
                    fields(&csrf),
                ));
            }
            for origin in [
                "https://evil.test",
                "null",
                "http://localhost:8001",
                "https://localhost:8000",
            ] {
                cases.push((
                    "a right token from there",
                    vec![("Origin", origin)],
                    fields(&csrf),
                ));
            }
            let both = vec![
                ("Sec-Fetch-Site", "cross-site"),
                ("Origin", "http://localhost:8000"),
            ];
            cases.push(("two stories", both, fields(&csrf)));
            let ours = || vec![("Sec-Fetch-Site", "same-origin")];
            for token in ["", "x", &foreign, &csrf[1..], &format!("{csrf}A")] {
                cases.push(("a wrong token", ours(), fields(token)));
            }
            if visitor.cookies.get("__Host-visitor") != stranger.cookies.get("__Host-visitor") {
                cases.push(("a stranger's token", ours(), fields(&before_sign_in)));
            }
            cases.push(("no token", ours(), encode(fields_of(&path))));

            for (what, headers, body) in cases {
                let mut request = app
                    .client
                    .post(path.clone())
                    .header(ContentType::Form)
                    .body(&body);
                for (name, value) in &headers {
                    request.add_header(Header::new(*name, *value));
                }
                let answer = visitor.clone().send(request).await;
                let refused = if is_known || PUBLIC.contains(&path.as_str()) {
                    Status::Forbidden
                } else {
                    // Strangers are sent away unread.
                    Status::SeeOther
                };
                assert_eq!(answer.status, refused, "{path}: {what} {headers:?} {body}");
                assert!(answer.cookie("__Host-session").is_none(), "{path}: {what}");
                has_all_headers(&answer, &path);
            }
        }
    }
    assert_eq!(
        posts, POSTS,
        "login, register, logout, forgot, reset, link, confirm, password, sessions, emails, \
         delete, keep, username"
    );
    assert!(ada.clone().is_signed_in().await, "nobody was logged out");
    let eve = app.visitor().login("eve", PASSWORD).await;
    assert_eq!(eve.status, Status::Unauthorized, "nobody was registered");
}

#[rocket::async_test]
async fn our_own_forms_are_taken_by_either_header_and_by_neither() {
    let app = App::new().await;
    app.member("ada").await;
    for header in [
        Some(("Sec-Fetch-Site", "same-origin")),
        Some(("Origin", "http://localhost:8000")),
        Some(("Origin", "http://127.0.0.1:8000")),
        None,
    ] {
        let mut ada = app.visitor();
        let csrf = ada.get("/login").await.csrf();
        let fields = [
            ("username", "ada"),
            ("password", PASSWORD),
            ("csrf", csrf.as_str()),
        ];
        let mut request = app
            .client
            .post("/login")
            .header(ContentType::Form)
            .body(encode(&fields));
        if let Some((name, value)) = header {
            request.add_header(Header::new(name, value));
        }
        assert_eq!(
            ada.send(request).await.status,
            Status::SeeOther,
            "{header:?}"
        );
    }
}

#[rocket::async_test]
async fn forms_take_their_fields_once_and_no_others() {
    let app = App::new().await;
    let member = app.member("ada").await;
    for (method, path) in routes(&app) {
        if method != Method::Post {
            continue;
        }
        let (mut visitor, page) = if PUBLIC.contains(&path.as_str()) {
            (app.visitor(), "/login")
        } else {
            (member.clone(), "/dashboard")
        };
        let csrf = visitor.get(page).await.csrf();
        let right = encode(&with_token(fields_of(&path), &csrf));
        let mut odd = vec![
            format!("{right}&is_admin=1"),
            format!("{right}&csrf={csrf}"),
            format!("_method=post&{right}"),
            format!("{right}&next[x]=/a"),
            format!("{right}&remember.x=on"),
            format!("{right}&next=%ff"),
            format!("{right}&%ff=x"),
            format!("{right}&remember=on&remember=on"),
            format!("{right}&next=/a&next=/b"),
        ];
        if let Some((name, value)) = fields_of(&path).first() {
            let pair = encode(&[(name, value)]);
            odd.push(format!("{right}&{name}=eve"));
            odd.push(right.replace(&pair, &format!("{name}=%c3%28")));
            odd.push(right.replace(&format!("{pair}&"), ""));
        }
        for body in odd {
            let request = app
                .client
                .post(path.clone())
                .header(ContentType::Form)
                .body(&body);
            let answer = visitor.clone().send(request).await;
            assert_eq!(answer.status, Status::UnprocessableEntity, "{path}: {body}");
            assert!(answer.cookie("__Host-session").is_none());
        }
        for kind in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "x/y",
        ] {
            let request = app
                .client
                .post(path.clone())
                .header(Header::new("Content-Type", kind))
                .body(&right);
            let answer = visitor.clone().send(request).await;
            assert_eq!(
                answer.status,
                Status::UnsupportedMediaType,
                "{path}: {kind}"
            );
        }
        let large = format!("{right}&next={}", "a".repeat(16 * 1024));
        let request = app
            .client
            .post(path.clone())
            .header(ContentType::Form)
            .body(large);
        let answer = visitor.clone().send(request).await;
        assert_eq!(answer.status, Status::PayloadTooLarge, "{path}");
    }
}

/// Rocket takes the method from a form that begins with `_method`.
#[rocket::async_test]
async fn a_form_cannot_pretend_to_be_another_method() {
    let app = App::new().await;
    let mut ada = app.member("ada").await;
    let csrf = ada.get("/dashboard").await.csrf();
    for method in ["get", "put", "delete", "head", "patch", "post", "odd"] {
        for path in ["/logout", "/login", "/register"] {
            let body = format!("_method={method}&csrf={csrf}&username=eve&password=x");
            let request = app.client.post(path).header(ContentType::Form).body(&body);
            let answer = ada.clone().send(request).await;
            assert_eq!(
                answer.status,
                Status::UnprocessableEntity,
                "{method} {path}"
            );
        }
        let request = app.client.post("/dashboard").header(ContentType::Form);
        let answer = ada
            .clone()
            .send(request.body(format!("_method={method}")))
            .await;
        assert_eq!(answer.status, Status::NotFound, "{method}");
    }
    assert!(ada.is_signed_in().await);
}

#[rocket::async_test]
async fn static_files_last_as_long_as_their_address() {
    let app = App::new().await;
    let mut visitor = app.visitor();
    let page = visitor.get("/login").await.body;
    let (_, rest) = page.split_once("href=\"/static/style.css").unwrap();
    let address = format!("/static/style.css{}", rest.split_once('"').unwrap().0);
    let answer = visitor.get(&address).await;
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(
        answer.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert!(answer.cookies.is_empty());

    let plain = visitor.get("/static/style.css").await;
    assert_eq!(plain.header("cache-control"), Some("public, no-cache"));
    let tag = plain.header("etag").unwrap().to_owned();
    for (known, status) in [
        (tag.clone(), Status::NotModified),
        (format!("\"x\", W/{tag}"), Status::NotModified),
        ("\"x\"".to_owned(), Status::Ok),
    ] {
        let again = app.client.get("/static/style.css");
        let again = again.header(Header::new("If-None-Match", known.clone()));
        let again = visitor.send(again).await;
        assert_eq!(again.status, status, "{known}");
        assert_eq!(again.body.is_empty(), status == Status::NotModified);
    }
}
