//! Forms of other sites, and forms with more in them than there should be.

use super::attacker::{Attacker, Scene};
use crate::app::{PASSWORD, encode};

const FORM: &[u8] = b"application/x-www-form-urlencoded";
const POSTS: [&str; 3] = ["/login", "/register", "/logout"];

fn body(path: &str, csrf: &str) -> String {
    match path {
        "/logout" => encode(&[("csrf", csrf)]),
        _ => encode(&[("username", "eve"), ("password", PASSWORD), ("csrf", csrf)]),
    }
}

const SITES: [&[u8]; 9] = [
    b"cross-site",
    b"same-site",
    b"none",
    b"",
    b"SAME-ORIGIN",
    b"same-origin, cross-site",
    b"same-originx",
    b"\"same-origin\"",
    b"null",
];

const ORIGINS: [&[u8]; 9] = [
    b"https://evil.test",
    b"null",
    b"",
    b"http://localhost.evil.test",
    b"http://evil.test/http://localhost:8000",
    b"https://localhost",
    b"http://localhost:1",
    b"file://",
    b"http://localhost:8000@evil.test",
];

const KINDS: [&str; 7] = [
    "text/plain",
    "application/json",
    "multipart/form-data; boundary=x",
    "text/html",
    "",
    "application/x-www-form-urlencodedx",
    "text/plain; application/x-www-form-urlencoded",
];

/// Nobody was signed out, and no `eve` was made.
fn nothing_happened(scene: &Scene, ada: &mut Attacker) {
    assert!(ada.is_signed_in(), "nobody was signed out");
    let mut eve = scene.attacker();
    assert_ne!(
        eve.login("eve", PASSWORD).status,
        303,
        "nobody was registered"
    );
}

/// As a link or a picture: with everything in the address.
fn in_the_address(client: &mut Attacker, path: &str, fields: &str) {
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let link = format!("{path}?{fields}");
        let old = client.session().cloned();
        let headers: &[(&str, &[u8])] = &[("Sec-Fetch-Site", b"cross-site")];
        let reply = client.send(method, link.as_bytes(), headers, b"");
        assert!(
            matches!(reply.status, 200 | 303 | 404 | 405),
            "{method} {link}"
        );
        assert_eq!(client.session().cloned(), old, "{method} {link}");
    }
}

#[test]
fn a05_no_form_of_another_site_has_an_effect() {
    let scene = Scene::open();
    let mut ada = scene.ada();
    let mut bob = scene.attacker();
    assert_eq!(bob.register("bob", PASSWORD).status, 303);
    let foreign = bob.csrf();
    // From before the sign-in, whose cookie is gone.
    let mut early = scene.attacker();
    let before = early.csrf();
    let mut nobody = scene.attacker();
    nobody.get("/login");

    for path in POSTS {
        for client in [&ada, &nobody] {
            let mut client = client.clone();
            let csrf = client.csrf();
            let refused =
                |client: &mut Attacker, headers: &[(&str, &[u8])], body: &str, statuses: &[u16]| {
                    let old = client.session().cloned();
                    let reply = client.send("POST", path.as_bytes(), headers, body.as_bytes());
                    assert!(
                        statuses.contains(&reply.status),
                        "{path} {headers:?} {body}: {}",
                        reply.status
                    );
                    assert_eq!(client.session().cloned(), old, "{path} {headers:?}");
                };
            let right = body(path, &csrf);
            for site in SITES {
                refused(
                    &mut client,
                    &[("Content-Type", FORM), ("Sec-Fetch-Site", site)],
                    &right,
                    &[403],
                );
                let with_origin: &[(&str, &[u8])] = &[
                    ("Content-Type", FORM),
                    ("Sec-Fetch-Site", site),
                    ("Origin", b"http://localhost:8000"),
                ];
                refused(&mut client, with_origin, &right, &[403]);
            }
            for origin in ORIGINS {
                refused(
                    &mut client,
                    &[("Content-Type", FORM), ("Origin", origin)],
                    &right,
                    &[403],
                );
            }
            let ours: &[(&str, &[u8])] =
                &[("Content-Type", FORM), ("Sec-Fetch-Site", b"same-origin")];
            // Nothing to bind a token to: then none is right.
            for token in ["", "x", &foreign, &before, &csrf] {
                let mut bare = scene.attacker();
                refused(&mut bare, ours, &body(path, token), &[403]);
            }
            let wrong = [
                "",
                "x",
                &foreign,
                &before,
                &csrf[1..],
                &format!("{csrf}A"),
                &csrf.to_lowercase(),
                "null",
                "undefined",
            ];
            for token in wrong {
                refused(&mut client, ours, &body(path, token), &[403]);
            }
            refused(
                &mut client,
                ours,
                "username=eve&password=nine+wet+sparrows+hum",
                &[403],
            );
            refused(&mut client, ours, &right.replace("csrf=", "CSRF="), &[403]);
            for method in ["get", "put", "post", "delete", "head"] {
                refused(
                    &mut client,
                    ours,
                    &format!("_method={method}&{right}"),
                    &[422],
                );
            }
            for kind in KINDS {
                let headers: &[(&str, &[u8])] = &[
                    ("Content-Type", kind.as_bytes()),
                    ("Sec-Fetch-Site", b"same-origin"),
                ];
                refused(&mut client, headers, &right, &[415]);
            }
            in_the_address(&mut client, path, &right);
        }
    }
    nothing_happened(&scene, &mut ada);
    scene.close();
}

#[test]
fn a18_fields_count_once_and_only_those_that_are_on_the_page() {
    let scene = Scene::open();
    let mut ada = scene.ada();
    let mut nobody = scene.attacker();
    for path in POSTS {
        let csrf = nobody.csrf();
        let right = body(path, &csrf);
        let mut odd = Vec::new();
        for extra in [
            "is_admin=1",
            "admin=true",
            "role=admin",
            "id=00000000-0000-0000-0000-000000000000",
            "user_id=1",
            "password_hash=x",
            "created_at=0",
            "email_verified=1",
            "__proto__=x",
            "constructor=x",
            "username[]=ada",
            "username[0]=ada",
            "username.x=ada",
            "user[username]=ada",
            "Username=ada",
            "USERNAME=ada",
            "password2=x",
            "password_confirm=x",
            "session=x",
            "_method=post",
            "%00=x",
            "csrf[]=x",
            "csrf.x=y",
            "next[x]=/a",
            "next:x=/a",
            "=x",
            "%ff=x",
        ] {
            odd.push(format!("{right}&{extra}"));
            odd.push(format!("{extra}&{right}"));
        }
        let fields: &[&str] = match path {
            "/logout" => &["csrf"],
            _ => &["csrf", "username", "password"],
        };
        for field in fields {
            odd.push(format!("{right}&{field}=x"));
            odd.push(format!("{field}=x&{right}"));
            odd.push(format!("{right}&{field}"));
            odd.push(format!(
                "{right}&{}=x",
                field.replace('s', "%73").replace('c', "%63")
            ));
        }
        if path != "/logout" {
            odd.push(format!("{right}&next=/a&next=/b"));
            odd.push(right.replace("username=eve&", ""));
            odd.push(right.replace('&', ";"));
        }
        if path == "/login" {
            odd.push(format!("{right}&remember=on&remember=on"));
        }
        for body in odd {
            let reply = nobody.clone().post(path, body.as_bytes());
            assert!(
                matches!(reply.status, 403 | 422),
                "{path} {body}: {}",
                reply.status
            );
            if reply.status == 403 {
                assert!(body.contains(';'), "{path} {body}");
            }
        }
        let json = format!(r#"{{"username":"eve","password":"{PASSWORD}","csrf":"{csrf}"}}"#);
        let parts = format!(
            "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\neve\r\n--x\r\nContent-Disposition: form-data; \
             name=\"password\"\r\n\r\n{PASSWORD}\r\n--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x--"
        );
        for (kind, body) in [
            ("application/json", json.as_str()),
            ("text/json", &json),
            ("application/xml", "<username>eve</username>"),
            ("multipart/form-data; boundary=x", &parts),
        ] {
            let headers: &[(&str, &[u8])] = &[
                ("Content-Type", kind.as_bytes()),
                ("Sec-Fetch-Site", b"same-origin"),
            ];
            let reply = nobody
                .clone()
                .send("POST", path.as_bytes(), headers, body.as_bytes());
            assert_eq!(reply.status, 415, "{path} {kind}");
            assert_eq!(
                nobody.clone().post(path, body.as_bytes()).status / 100,
                4,
                "{path} {kind}"
            );
        }
    }
    nothing_happened(&scene, &mut ada);
    scene.close();
}
