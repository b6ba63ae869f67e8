//! Sessions that somebody else has chosen, and cookies that are nearly right.

use super::attacker::Scene;
use crate::app::PASSWORD;

const SESSION: &str = "__Host-session";

#[test]
fn a04_no_session_is_the_one_that_an_attacker_chose() {
    let scene = Scene::open();
    let stolen = scene.ada().session().unwrap().clone();
    let ended = {
        let mut ada = scene.ada();
        let token = ada.session().unwrap().clone();
        assert_eq!(ada.submit("/logout", &[]).status, 303);
        token
    };
    let mut before_sign_in = scene.attacker();
    before_sign_in.get("/login");
    let visitor = before_sign_in.cookies["__Host-visitor"].clone();
    let flipped = format!(
        "{}{}",
        if stolen.starts_with('A') { "B" } else { "A" },
        &stolen[1..]
    );
    for preset in [
        "A".repeat(64),
        "x".to_owned(),
        String::new(),
        "0".repeat(64),
        ended,
        visitor.clone(),
        flipped,
        "-_".repeat(32),
        "a".repeat(3000),
    ] {
        for path in ["/login", "/register"] {
            let mut victim = scene.attacker();
            victim.cookies.insert(SESSION.into(), preset.clone());
            victim
                .cookies
                .insert("__Host-visitor".into(), visitor.clone());
            assert!(!victim.is_signed_in(), "{preset} is nobody");
            victim.cookies.insert(SESSION.into(), preset.clone());
            let csrf = victim.get("/login").csrf();
            let name = if path == "/login" { "ada" } else { "adb" };
            let body = format!(
                "username={name}&csrf={csrf}&password={}",
                PASSWORD.replace(' ', "+")
            );
            let reply = victim.post(path, body.as_bytes());
            // One `adb` is enough; the next ones are told that the name is taken.
            assert!(matches!(reply.status, 303 | 409), "{path} {preset}");
            if reply.status == 303 {
                assert_ne!(victim.session(), Some(&preset), "{path}");
                assert_eq!(victim.session().unwrap().len(), 64, "{path}");
                assert!(victim.is_signed_in());
                assert!(
                    !victim.cookies.contains_key("__Host-visitor"),
                    "the token from before is done with"
                );
            }
            let mut attacker = scene.attacker();
            attacker.cookies.insert(SESSION.into(), preset.clone());
            assert!(!attacker.is_signed_in(), "{preset} has not come alive");
        }
    }

    // Somebody who is signed in and signs in again: the old token is dead at once.
    let mut ada = scene.ada();
    let mut copy = ada.clone();
    assert_eq!(ada.login("ada", PASSWORD).status, 303);
    assert_ne!(ada.session(), copy.session());
    assert!(ada.is_signed_in());
    assert!(!copy.is_signed_in(), "the old one is dead");

    // And after the way out too.
    let mut copy = ada.clone();
    assert_eq!(ada.submit("/logout", &[]).status, 303);
    assert!(!copy.is_signed_in());
    scene.close();
}

#[test]
fn a23_only_the_exact_name_and_value_of_a_cookie_count() {
    let scene = Scene::open();
    let ada = scene.ada();
    let token = ada.session().unwrap().clone();
    let mut bob = scene.attacker();
    assert_eq!(bob.register("bob", PASSWORD).status, 303);
    let bobs = bob.session().unwrap().clone();
    let own = format!("{SESSION}={token}");

    let mut tossed = Vec::new();
    for name in [
        "session",
        "__host-session",
        "__HOST-SESSION",
        "__Host-Session",
        "__Secure-session",
        "__Host-session2",
        "x__Host-session",
        "__%48ost-session",
        "%5f%5fHost-session",
        "__Host-session%00",
        "__Host%2dsession",
        "__Host-visitor",
        "__Host-farewell",
        "\"__Host-session\"",
        "\u{2000}__Host-session",
        "__Host-session\u{a0}",
        "\u{feff}__Host-session",
        "__Host-session\u{200b}",
        "$__Host-session",
        "=__Host-session",
        "__Host-session[]",
        "__Host-session.x",
    ] {
        tossed.push(format!("{name}={bobs}"));
    }
    for value in [
        format!("\"{bobs}\""),
        format!("'{bobs}'"),
        format!("{bobs}="),
        format!("={bobs}"),
        format!("{bobs}A"),
        format!(" {bobs} x"),
        format!("{bobs},{token}"),
        format!("%{:02x}{}", bobs.as_bytes()[0], &bobs[1..]),
        format!("{bobs}%00"),
        format!("{bobs}\u{a0}"),
        bobs[1..].to_owned(),
        bobs[..63].to_owned(),
        bobs.to_lowercase(),
        bobs.to_uppercase(),
        bobs.replace(['-', '_'], "+"),
        bobs.chars().rev().collect(),
        format!("{}{}", &bobs[..32], &token[32..]),
        format!("{}{}", &token[..32], &bobs[32..]),
        format!("{}{}", &token[..22], &bobs[22..]),
        "a".repeat(4096),
    ] {
        // Neither alphabet has both cases of every letter in it, or a `-`: then nothing was changed.
        if value != bobs {
            tossed.push(format!("{SESSION}={value}"));
        }
    }
    let ask = |line: &str| {
        let headers: &[(&str, &[u8])] = &[("Cookie", line.as_bytes())];
        scene.attacker().send("GET", b"/dashboard", headers, b"")
    };
    for line in &tossed {
        let alone = ask(line);
        assert_eq!(alone.status, 303, "{line}");
        for both in [format!("{own}; {line}"), format!("{line}; {own}")] {
            let page = ask(&both);
            // Another of exactly our name makes two, which are none.
            assert!(!page.body.contains("Hello, bob"), "{both}");
            assert!(matches!(page.status, 200 | 303), "{both}");
        }
    }
    assert!(ask(&own).body.contains("Hello, ada"));
    assert_eq!(ask(&format!("{own}; {SESSION}={bobs}")).status, 303);
    assert_eq!(ask(&format!("{own}; {own}")).status, 303);
    let two_lines: &[(&str, &[u8])] = &[("Cookie", own.as_bytes()), ("Cookie", own.as_bytes())];
    let reply = scene.attacker().send("GET", b"/dashboard", two_lines, b"");
    assert_eq!(reply.status, 303, "two header lines are two cookies");

    // One letter changed, at every place.
    for at in 0..token.len() {
        for other in ["A", "z", "-", "~"] {
            let mut tampered = token.clone();
            tampered.replace_range(at..=at, other);
            if tampered != token {
                let page = ask(&format!("{SESSION}={tampered}"));
                assert_eq!(page.status, 303, "place {at}");
            }
        }
    }

    // The cookies that bind forms are not each other's, either.
    let mut swapped = scene.attacker();
    let csrf = swapped.get("/login").csrf();
    let visitor = swapped.cookies.remove("__Host-visitor").unwrap();
    swapped.cookies.insert(SESSION.into(), visitor);
    let body = format!("username=ada&password=x&csrf={csrf}");
    assert_eq!(swapped.post("/login", body.as_bytes()).status, 403);
    scene.close();
}
