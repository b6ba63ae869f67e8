//! Too many bytes, and bytes that are no text.

use super::attacker::{Scene, percent};
use super::everywhere::EveryForm;
use crate::app::PASSWORD;

#[test]
fn a08_what_is_too_long_costs_no_hash_and_no_memory() {
    // No account yet, so that no hash was made so far: one takes 19 MiB, which its thread keeps for half a minute.
    let scene = Scene::empty();
    let mut nobody = scene.attacker();
    let csrf = nobody.csrf();
    let long = |path: &str, bytes: usize| {
        let body = format!("csrf={csrf}&username=ada&password={}", "p".repeat(bytes));
        nobody.clone().post(path, body.as_bytes())
    };
    long("/login", 2000);
    let before = scene.server.memory_kib();
    for _ in 0..20 {
        for path in ["/login", "/register"] {
            for bytes in [1025, 2000, 16_000] {
                assert_eq!(long(path, bytes).status, 422, "{path}: {bytes}");
            }
            for bytes in [16_384, 17_000, 60_000] {
                assert_eq!(long(path, bytes).status, 413, "{path}: {bytes}");
            }
        }
    }
    // Letters of many bytes, and one that grows threefold in NFC.
    for letter in ["é", "🦀", "\u{fb2c}"] {
        let password = letter.repeat(1025 / letter.len() + 1);
        let reply = nobody
            .clone()
            .submit("/login", &[("username", "ada"), ("password", &password)]);
        assert_eq!(reply.status, 422, "{letter}");
    }
    // A length that no memory holds, and a client that leaves after a few bytes of it.
    for _ in 0..20 {
        nobody.leave(
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 99999999999\r\n\r\ncsrf=x",
        );
    }
    let grown = scene.server.memory_kib().saturating_sub(before);
    assert!(
        grown < 16 * 1024,
        "{grown} KiB more, as if there had been a hash"
    );
    assert_eq!(scene.attacker().register("ada", PASSWORD).status, 303);
    scene.close();
}

#[test]
fn a17_bytes_that_are_no_text_are_refused_everywhere() {
    let scene = Scene::with(&[("VESTIBULE_THROTTLE__FREE", "100")]);
    let mut ada = scene.ada();
    let mut nobody = scene.attacker();
    let csrf = nobody.csrf();
    let mut odd: Vec<Vec<u8>> = (0..0x20).chain([0x7f]).map(|byte| vec![byte]).collect();
    let lone: [&[u8]; 12] = [
        b"\xff",
        b"\xfe",
        b"\xc3\x28",
        b"\xc0\xaf",
        b"\xe2\x28\xa1",
        b"\xed\xa0\x80",
        b"\xf0\x28\x8c\xbc",
        b"\xf8\xa1\xa1\xa1\xa1",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xc2\x85",
        b"\xe2\x82",
    ];
    odd.extend(lone.map(<[u8]>::to_vec));
    let mut forms = EveryForm::of(&scene);
    for bytes in &odd {
        let around = [b"a", bytes.as_slice(), b"a"].concat();
        let is_text = std::str::from_utf8(&around).is_ok();
        forms.send(&around, |reply, place| {
            assert!(is_text || reply.status == 422, "{place}: {}", reply.status);
        });
        let coded = percent(bytes);
        for path in ["/login", "/register"] {
            for body in [
                format!("csrf={csrf}&username=ad{coded}a&password=nine+wet+sparrows+hum"),
                format!("csrf={csrf}&username=ada&password=nine+wet+sparrows+hum{coded}"),
                format!("csrf={csrf}&username=ada&password={coded}nine+wet+sparrows+hum"),
                format!("csrf={csrf}&username=ada&password=nine+wet+sparrows+hum&{coded}=x"),
            ] {
                let reply = nobody.clone().post(path, body.as_bytes());
                assert_eq!(reply.status, 422, "{path} {body}");
                assert!(
                    reply
                        .set_cookies()
                        .all(|line| !line.starts_with("__Host-session="))
                );
            }
            // As they are, not encoded. A line break or `&` may end a field, and a `+` is a space.
            let raw = [
                format!("csrf={csrf}&username=ada&password=nine+wet+sparrows+hum").as_bytes(),
                bytes,
            ]
            .concat();
            let status = nobody.clone().post(path, &raw).status;
            assert!(matches!(status, 400 | 422), "{path} {bytes:?}: {status}");
        }
        for path in [
            format!("/login?next=/{coded}"),
            format!("/{coded}"),
            format!("/static/{coded}"),
            format!("/dashboard?{coded}={coded}"),
        ] {
            for client in [&mut nobody, &mut ada] {
                let status = client.get(&path).status;
                assert!(
                    matches!(status, 200 | 303 | 400 | 404 | 422),
                    "{path}: {status}"
                );
            }
        }
        // In a header or the request line, the HTTP library may answer by itself, with an empty 400.
        for name in ["Cookie", "User-Agent", "Sec-Fetch-Site", "X-Forwarded-For"] {
            let request = [
                format!("GET /dashboard HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: __Host-session=").as_bytes(),
                bytes,
                b"\r\n\r\n",
            ]
            .concat();
            let reply = scene.attacker().raw(&request).expect("an answer");
            assert!(
                matches!(reply.status, 303 | 400),
                "{name} {bytes:?}: {}",
                reply.status
            );
        }
        let request = [
            b"GET /",
            bytes.as_slice(),
            b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
        .concat();
        let reply = nobody.raw(&request);
        assert!(
            reply.is_none_or(|reply| matches!(reply.status, 303 | 400 | 404)),
            "{bytes:?}"
        );
    }
    // Never cut at a NUL: neither a new password nor an old one.
    let mut eve = scene.attacker();
    assert_eq!(
        eve.register("eve", &format!("{PASSWORD}\0more")).status,
        422
    );
    assert_eq!(eve.login("ada", &format!("{PASSWORD}\0more")).status, 422);
    scene.close();
}
