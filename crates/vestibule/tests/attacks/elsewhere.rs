//! Being sent elsewhere: by `next`, and by a made-up host.

use url::Url;

use super::attacker::{Scene, percent};
use crate::app::{PASSWORD, encode, with_token};

/// What may stand before the name of a host.
const LEADS: [&str; 73] = [
    "//",
    "///",
    "////",
    "/\\",
    "\\/",
    "\\\\",
    "\\",
    "/\t/",
    "\t//",
    "/\n/",
    "/\r/",
    "\r\n//",
    "/ /",
    " //",
    "/.//",
    "/..//",
    "/./\\",
    "/a/..//",
    "/a/../..//",
    "/%2e//",
    "/%2e%2e//",
    "/;//",
    "//\\",
    "/\u{ff0f}",
    "/\u{2215}/",
    "\u{ff0f}\u{ff0f}",
    "\u{3002}//",
    "/\u{200b}/",
    "\u{feff}//",
    "\0//",
    "/\0/",
    "/%09/",
    "/%5c",
    "/%2f",
    "%2f%2f",
    "/%0d%0a/",
    "/%00/",
    "https://",
    "https:",
    "https:/",
    "https:///",
    "https:\\\\",
    "HTTPS://",
    "hTTp://",
    "http:",
    "ftp://",
    "ws://",
    "//user@",
    "//user:pw@",
    "//localhost@",
    "//localhost:8000@",
    "//localhost\\@",
    "/@",
    "?",
    "#",
    "?//",
    "#//",
    "",
    ".",
    "..//",
    "./",
    ":",
    "://",
    "x://",
    "/\\/\\/",
    "//%5c",
    "/%5c%5c",
    "/..\\..\\",
    "/\u{85}/",
    "/\u{2028}/",
    "//[::1]@",
    "//localhost.",
    "//1.",
];

/// What makes browsers, proxies or parsers think of another host.
fn targets() -> Vec<String> {
    let mut targets = Vec::new();
    for lead in LEADS {
        for host in [
            "evil.test",
            "evil.test/path?x=y#z",
            "evil.test%2f..",
            "localhost:8000@evil.test",
        ] {
            targets.push(format!("{lead}{host}"));
        }
    }
    targets.extend(
        [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\nscript:alert(1)",
            "javascript://%0aalert(1)",
            "/javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:msgbox(1)",
            "blob:https://evil.test/x",
            "file:///etc/passwd",
            "/a\r\nLocation: https://evil.test",
            "/a\r\n\r\n<script>alert(1)</script>",
            "/a%0d%0aSet-Cookie:%20__Host-session=x",
            "/a\u{560a}\u{560d}Set-Cookie:x=y",
            "/a\nb",
            "",
            "\u{0}",
        ]
        .map(str::to_owned),
    );
    targets.push(format!("/{}", "a".repeat(8000)));
    targets.push(format!("//evil.test/{}", "a".repeat(2000)));
    targets
}

/// Fails unless a browser that follows `location` stays.
fn stays(location: &str, what: &str) {
    assert!(
        location.starts_with('/') && !location.starts_with("//"),
        "{what:?}: {location}"
    );
    assert!(
        location.bytes().all(|byte| byte.is_ascii_graphic()),
        "{what:?}: {location}"
    );
    assert!(location.len() < 2048, "{what:?}");
    for base in [
        "http://localhost:8000/login",
        "https://login.example/a/b/c?d",
    ] {
        let base = Url::parse(base).unwrap();
        let there = base.join(location).unwrap();
        assert_eq!(there.origin(), base.origin(), "{what:?}: {location}");
    }
}

#[test]
fn a06_next_leads_nowhere_but_to_our_own_pages() {
    let scene = Scene::open();
    let mut ada = scene.ada();
    let mut nobody = scene.attacker();
    for target in targets() {
        for page in ["/login", "/register"] {
            let encoded = percent(target.as_bytes());
            // Too long to be an address at all, once it is encoded.
            if encoded.len() > 7000 {
                continue;
            }
            let link = format!("{page}?next={encoded}");
            let reply = ada.get(&link);
            assert_eq!(reply.status, 303, "{link}");
            stays(reply.location(), &target);
            let form = nobody.get(&link);
            assert_eq!(form.status, 200, "{link}");
            if let Some(kept) = crate::app::value_of(&form.body, "next") {
                stays(&kept, &target);
            }
        }
    }
    // What the form carries is judged once more; a few of them cost a hash each.
    for target in [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "/.//evil.test",
        "/a\r\nX: y",
    ] {
        let mut ada = scene.attacker();
        let fields = [
            ("username", "ada"),
            ("password", PASSWORD),
            ("next", target),
        ];
        let reply = ada.submit("/login", &fields);
        assert_eq!((reply.status, reply.location()), (303, "/dashboard"));
    }
    // The page that was asked for becomes a `next` too.
    for path in [
        "/dashboard?next=//evil.test",
        "/dashboard?//evil.test",
        "/dashboard?a=%0d%0ab",
    ] {
        let door = nobody.get(path);
        assert_eq!(door.status, 303, "{path}");
        stays(door.location(), path);
        assert!(
            door.location().starts_with("/login?next=%2Fdashboard"),
            "{path}"
        );
    }
    scene.close();
}

#[test]
fn a07_no_made_up_host_is_in_any_answer() {
    let scene = Scene::open();
    let (nobody, ada) = (scene.attacker(), scene.ada());
    let hosts: [&[u8]; 9] = [
        b"evil.test",
        b"evil.test:8000",
        b"localhost@evil.test",
        b"localhost.evil.test",
        b"localhost:evil.test",
        b"EVIL.TEST",
        b"evil.test\t",
        b"",
        b"127.0.0.1/evil.test",
    ];
    let others = [
        "X-Forwarded-Host",
        "X-Host",
        "X-Forwarded-Server",
        "X-HTTP-Host-Override",
        "Forwarded",
        "X-Original-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Original-URL",
        "Referer",
        "Origin",
    ];
    for path in [
        "/",
        "/login",
        "/register",
        "/dashboard",
        "/nowhere",
        "/login?next=/a",
    ] {
        for client in [&nobody, &ada] {
            let check = |reply: &super::attacker::Reply, what: &str| {
                assert!(!reply.body.to_lowercase().contains("evil.test"), "{what}");
                for (name, value) in &reply.headers {
                    assert!(
                        !value.to_lowercase().contains("evil.test"),
                        "{what}: {name}"
                    );
                }
                if !reply.location().is_empty() {
                    stays(reply.location(), what);
                }
            };
            for host in hosts {
                let raw = [
                    format!(
                        "GET {path} HTTP/1.1\r\nConnection: close\r\nCookie: {}\r\nHost: ",
                        client.cookie()
                    )
                    .as_bytes(),
                    host,
                    b"\r\n\r\n",
                ]
                .concat();
                let reply = client.raw(&raw).expect("an answer");
                assert!(reply.status < 500, "{path} {host:?}");
                check(&reply, path);
            }
            for name in others {
                for value in [
                    "evil.test",
                    "host=evil.test;proto=http",
                    "https://evil.test/",
                ] {
                    let reply = client.clone().send(
                        "GET",
                        path.as_bytes(),
                        &[(name, value.as_bytes())],
                        b"",
                    );
                    check(&reply, &format!("{path} {name}: {value}"));
                }
            }
            for request in [
                format!(
                    "GET http://evil.test{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                ),
                format!(
                    "GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
                ),
                format!("GET {path} HTTP/1.0\r\n\r\n"),
                format!(
                    "GET //evil.test{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                ),
            ] {
                let reply = client.raw(request.as_bytes()).expect("an answer");
                assert!(reply.status < 500, "{request}");
                check(&reply, &request);
            }
        }
    }
    scene.close();
}

#[test]
fn a07_no_made_up_host_is_in_any_mail() {
    let scene = Scene::open();
    let mut eve = scene.attacker();
    let mut send = |path: &str, fields: &[(&str, &str)], made_up: &[(&str, &[u8])]| {
        let body = encode(&with_token(fields, &eve.csrf()));
        let ours: &[(&str, &[u8])] = &[
            ("Content-Type", b"application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", b"same-origin"),
        ];
        let headers = [ours, made_up].concat();
        let reply = eve.send("POST", path.as_bytes(), &headers, body.as_bytes());
        assert_eq!(reply.status, 303, "{path} {made_up:?}: {}", reply.body);
        eve.clone()
    };
    // The link, and all that is said, by whatever name the program was called.
    let is_ours = |purpose: &str| {
        let letter = scene.mailed(purpose);
        let link = letter.link_to(&scene.server.url);
        assert!(link.starts_with(&format!("/link/{purpose}/")), "{link}");
        assert!(!format!("{letter:?}").to_lowercase().contains("evil"));
        link
    };
    let fields = [
        ("username", "eve"),
        ("password", PASSWORD),
        ("email", "eve@example.com"),
    ];
    let mut eve = send("/register", &fields, &[("Host", b"evil.test")]);
    eve.get(&is_ours("verify"));
    assert_eq!(eve.submit("/link", &[]).status, 303);

    let made_up: [&[(&str, &[u8])]; 4] = [
        &[("Host", b"evil.test")],
        &[("Host", b"EVIL.test:8000")],
        &[
            ("Host", b"localhost.evil.test"),
            ("Referer", b"http://evil.test/"),
        ],
        &[
            ("X-Forwarded-Host", b"evil.test"),
            ("X-Host", b"evil.test"),
            ("X-Original-Host", b"evil.test"),
            ("Forwarded", b"host=evil.test;proto=https"),
        ],
    ];
    for made_up in made_up {
        send("/forgot", &[("account", "eve")], made_up);
        is_ours("reset");
    }
    scene.close();
}
