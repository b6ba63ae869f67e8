//! Text that wants to be code: in the database, on the page.

use std::time::{Duration, Instant};

use super::attacker::{Scene, percent};
use super::everywhere::{EveryForm, in_every_cookie};

const SQL: [&str; 22] = [
    "'",
    "''",
    "\"",
    "`",
    "' OR '1'='1",
    "' OR 1=1--",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "ada'--",
    "ada' #",
    "ada'/*",
    "ada' AND 1=(SELECT 1/0)--",
    "ada'; DROP TABLE users; --",
    "'; DELETE FROM sessions; --",
    "' UNION SELECT NULL,NULL,NULL--",
    "' UNION SELECT id, username, password FROM users--",
    "'; SELECT pg_sleep(9)--",
    "' || pg_sleep(9) || '",
    "' AND randomblob(900000000)--",
    "\\'; SELECT 1--",
    "$$; SELECT 1; $$",
    "%' OR username LIKE '%",
];

#[test]
fn a15_sql_is_a_wrong_value_wherever_it_stands() {
    let scene = Scene::with(&[("VESTIBULE_THROTTLE__FREE", "100")]);
    let mut ada = scene.ada();
    let before = Instant::now();
    let mut forms = EveryForm::of(&scene);
    for sql in SQL {
        forms.send(sql.as_bytes(), |_, _| {});
        in_every_cookie(&scene, sql, |_, _| {});
        for name in ["__Host-session", "__Host-visitor", "__Host-farewell"] {
            for value in [sql.to_owned(), percent(sql.as_bytes())] {
                let line = format!("{name}={value}");
                let headers: &[(&str, &[u8])] = &[("Cookie", line.as_bytes())];
                let reply = scene.attacker().send("GET", b"/dashboard", headers, b"");
                assert_eq!(reply.status, 303, "{line}");
                assert_eq!(reply.location(), "/login?next=%2Fdashboard");
            }
        }
        for name in [
            "User-Agent",
            "Referer",
            "X-Forwarded-For",
            "X-Real-IP",
            "Accept-Language",
            "If-None-Match",
            "X-Request-Id",
        ] {
            let reply = ada.send("GET", b"/dashboard", &[(name, sql.as_bytes())], b"");
            assert_eq!(reply.status, 200, "{name}: {sql}");
            assert!(reply.body.contains("Hello, ada"));
        }
        let encoded = percent(sql.as_bytes());
        for path in [
            format!("/dashboard?id={encoded}"),
            format!("/login?next=/{encoded}"),
            format!("/login?{encoded}"),
        ] {
            let status = ada.get(&path).status;
            assert!(matches!(status, 200 | 303), "{path}: {status}");
        }
        assert_eq!(ada.get(&format!("/static/{encoded}")).status, 404, "{sql}");
    }
    // As a password each of them costs a hash: one of each kind.
    for sql in [
        "' OR '1'='1",
        "'; DROP TABLE users; --",
        "' UNION SELECT NULL,NULL--",
    ] {
        let reply = scene.attacker().login("ada", sql);
        assert!(matches!(reply.status, 401 | 429), "{sql}: {}", reply.status);
    }
    // As a new password it is one like any other.
    let odd = "'; DROP TABLE users; -- \" OR 1=1 \\";
    assert_eq!(scene.attacker().register("eve", odd).status, 303);
    assert_eq!(scene.attacker().login("eve", odd).status, 303);
    assert!(
        before.elapsed() < Duration::from_mins(2),
        "nobody's sleep was run"
    );
    assert!(ada.is_signed_in(), "her session was not deleted");
    scene.close();
}

const MARKUP: [&str; 23] = [
    "<script>alert(1)</script>",
    "\"><svg/onload=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea><script>x</script>",
    "<!--><script>x</script>",
    "<iframe srcdoc='<script>x</script>'>",
    "<base href=//evil.test/>",
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<form action=//evil.test><input name=csrf>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mi xlink:href=javascript:x>",
    "\u{ff1c}script\u{ff1e}alert(1)",
    "{{7919 * 7907}}",
    "{{ 7919 * 7907 }}{% set x = 1 %}",
    "{% raw %}{% include \"base.html\" %}",
    "${7919*7907}",
    "#{7919*7907}",
    "<%= 7919*7907 %>",
    "{{ __tera_context }}",
    "{{ get_env(name=\"PATH\") }}",
];

const PRODUCT: &str = "62615533";

#[test]
fn a16_no_text_becomes_markup_or_a_template() {
    let scene = Scene::with(&[("VESTIBULE_THROTTLE__FREE", "100")]);
    let mut forms = EveryForm::of(&scene);
    let mut ada = scene.ada();
    for payload in MARKUP {
        let mut nobody = scene.attacker();
        let shown = |reply: &super::attacker::Reply, place: &str| {
            let body = &reply.body;
            if payload.contains(['<', '"', '\'', '>']) {
                assert!(!body.contains(payload), "{place}: {payload}");
            }
            for tag in [
                "<script>",
                "<svg/",
                "<img src=x",
                "<iframe",
                "<base",
                "<meta http-equiv=refresh",
                "onfocus=alert(1) x=\"\"",
                "<math",
            ] {
                assert!(!body.contains(tag), "{place}: {payload}");
            }
            assert!(!body.contains(PRODUCT), "{place}: {payload}");
            assert!(
                !body.contains("__tera") || payload.contains("__tera"),
                "{place}"
            );
        };
        forms.send(payload.as_bytes(), shown);
        in_every_cookie(&scene, payload, shown);
        for path in ["/login", "/register"] {
            let reply = nobody.submit(path, &[("username", payload), ("password", "x")]);
            assert_eq!(reply.status, 422, "{payload}");
            shown(&reply, path);
            let echoed = crate::app::value_of(&reply.body, "username");
            assert_eq!(
                echoed.as_deref(),
                Some(payload),
                "it is shown as it was typed"
            );
        }
        let encoded = percent(payload.as_bytes());
        for path in [
            format!("/{encoded}"),
            format!("/static/{encoded}"),
            format!("/login?next=/{encoded}"),
            format!("/login?next={encoded}"),
            format!("/register?next=/{encoded}"),
            format!("/login?{encoded}={encoded}"),
            format!("/dashboard?{encoded}"),
        ] {
            for client in [&mut nobody, &mut ada] {
                let reply = client.get(&path);
                shown(&reply, &path);
                let kind = reply.header("content-type").to_owned();
                assert!(
                    reply.body.is_empty() || kind.starts_with("text/html; charset=utf-8"),
                    "{path}: {kind}"
                );
            }
        }
        for name in [
            "User-Agent",
            "Referer",
            "X-Forwarded-For",
            "Accept-Language",
            "X-Request-Id",
        ] {
            let headers: &[(&str, &[u8])] = &[(name, payload.as_bytes())];
            shown(&ada.send("GET", b"/dashboard", headers, b""), name);
            shown(&nobody.send("GET", b"/nowhere", headers, b""), name);
        }
        let csrf = nobody.csrf();
        let named = format!("csrf={csrf}&{encoded}={encoded}");
        shown(&nobody.post("/login", named.as_bytes()), "a field's name");
    }
    scene.close();
}
