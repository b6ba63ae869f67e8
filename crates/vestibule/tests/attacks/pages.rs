//! What becomes of pages: in frames, in caches, after the way out.

use super::attacker::Scene;

#[test]
fn a20_no_page_is_framed_and_none_comes_back_after_logout() {
    let scene = Scene::open();
    let mut ada = scene.ada();
    let framings: [&[(&str, &[u8])]; 4] = [
        &[
            ("Sec-Fetch-Dest", b"iframe"),
            ("Sec-Fetch-Site", b"cross-site"),
        ],
        &[("Sec-Fetch-Dest", b"object")],
        &[
            ("Sec-Fetch-Dest", b"embed"),
            ("Referer", b"https://evil.test/"),
        ],
        &[
            ("Sec-Fetch-Dest", b"image"),
            ("Sec-Fetch-Site", b"cross-site"),
        ],
    ];
    for path in [
        "/",
        "/login",
        "/register",
        "/dashboard",
        "/nowhere",
        "/static/style.css",
        "/static/nothing",
        "/health/ready",
    ] {
        for headers in framings {
            let reply = ada.send("GET", path.as_bytes(), headers, b"");
            let policy = reply.header("content-security-policy");
            assert!(
                policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        }
    }

    let page = ada.get("/dashboard");
    assert_eq!(page.header("cache-control"), "no-store");
    for name in ["etag", "last-modified", "expires"] {
        assert_eq!(page.header(name), "", "nothing to come back with: {name}");
    }
    let mut gone = ada.clone();
    let farewell = ada.submit("/logout", &[]);
    assert_eq!((farewell.status, farewell.location()), (303, "/login"));
    assert!(farewell.header("clear-site-data").contains("\"cache\""));
    let conditions: [&[(&str, &[u8])]; 8] = [
        &[],
        &[("If-None-Match", b"*")],
        &[("If-None-Match", b"\"x\", W/\"y\"")],
        &[("If-Modified-Since", b"Wed, 21 Oct 2099 07:28:00 GMT")],
        &[("If-Range", b"\"x\""), ("Range", b"bytes=0-")],
        &[("Range", b"bytes=0-10")],
        &[("Cache-Control", b"only-if-cached, max-stale=99999")],
        &[
            ("Accept", b"application/json"),
            ("X-Requested-With", b"XMLHttpRequest"),
        ],
    ];
    for headers in conditions {
        for client in [&mut ada, &mut gone] {
            // `gone` has kept the old cookie.
            for method in ["GET", "HEAD"] {
                let reply = client.clone().send(method, b"/dashboard", headers, b"");
                assert_eq!(
                    (reply.status, reply.location()),
                    (303, "/login?next=%2Fdashboard"),
                    "{headers:?}"
                );
                assert!(!reply.body.contains("ada"), "{headers:?}");
                assert_eq!(reply.header("cache-control"), "no-store");
            }
        }
    }
    scene.close();
}
