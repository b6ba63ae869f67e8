//! Passwords that are guessed: what the answers tell, how long they take, and how many there are.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::attacker::{Attacker, Reply, Scene};
use crate::app::{PASSWORD, encode, with_token};

const WRONG: &str = "nine wet sparrows ham";

/// An answer but for what is another in each: the token, the code, the name that was typed.
fn masked(reply: &Reply, name: &str) -> (u16, Vec<(String, String)>, String) {
    let code = reply.header("x-request-id");
    let body = [code, &reply.csrf(), &format!("value=\"{name}\"")]
        .iter()
        .fold(reply.body.clone(), |body, own| body.replace(own, ""));
    let headers = reply.headers.iter();
    let headers = headers.filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"));
    (reply.status, headers.cloned().collect(), body)
}

#[test]
fn a01_no_answer_tells_whether_there_is_an_account() {
    // A wait that no machine is too slow for.
    let scene = Scene::with(&[("VESTIBULE_THROTTLE__FIRST_WAIT", "1h")]);
    let ada = scene.ada();
    let mut seen = Vec::new();
    for name in ["ada", "eve"] {
        let replies: Vec<_> = (0..7)
            .map(|_| scene.attacker().login(name, WRONG))
            .collect();
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{name}");
        let mut replies: Vec<_> = replies.iter().map(|reply| masked(reply, name)).collect();
        for (_, headers, body) in &mut replies {
            let waits = headers.iter_mut().find(|(name, _)| name == "retry-after");
            if let Some((_, secs)) = waits {
                assert!((3500..=3600).contains(&secs.parse::<u32>().unwrap()));
                secs.clear();
                // When it is over is told to the second.
                let (before, rest) = body.split_once("Try again in ").unwrap();
                *body = format!("{before}{}", rest.split_once("</time>").unwrap().1);
                // "60 minutes" has other letters than "1 hour".
                headers.retain(|(name, _)| name != "content-length");
            }
            assert!(!headers.iter().any(|(name, _)| name == "set-cookie"));
        }
        seen.push(replies);
    }
    assert_eq!(seen[0], seen[1]);
    // A right password is not told from a wrong one either, where none is looked at.
    assert_eq!(scene.attacker().login("ada", PASSWORD).status, 429);
    scene.close_with(ada);
}

/// The middle one.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Where 95 of 100 differences of medians lie when the pairs are drawn anew, in microseconds. Source: the percentile
/// bootstrap.
fn confidence(pairs: &[(Duration, Duration)]) -> (i64, i64) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % pairs.len()
    };
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap();
    let mut differences: Vec<i64> = (0..2000)
        .map(|_| {
            let drawn: Vec<_> = pairs.iter().map(|_| pairs[draw()]).collect();
            let mut known: Vec<_> = drawn.iter().map(|pair| pair.0).collect();
            let mut unknown: Vec<_> = drawn.iter().map(|pair| pair.1).collect();
            micros(median(&mut known)) - micros(median(&mut unknown))
        })
        .collect();
    differences.sort_unstable();
    (differences[50], differences[1949])
}

/// That both cost one hash is asserted where hashes can be counted, in the domain. Here the time is told, not judged: how
/// busy the machine is decides about that.
#[test]
fn a02_a_known_and_an_unknown_name_cost_the_same() {
    let scene = Scene::with(&[("VESTIBULE_THROTTLE__FREE", "100")]);
    assert_eq!(scene.attacker().register("bob", PASSWORD).status, 303);
    let ada = scene.ada();
    let mut attacker = scene.attacker();
    let csrf = attacker.csrf();
    let timed = |attacker: &mut Attacker, name: &str| {
        let fields = with_token(&[("username", name), ("password", WRONG)], &csrf);
        let start = Instant::now();
        let reply = attacker.post("/login", encode(&fields).as_bytes());
        assert_eq!(reply.status, 401, "{name}: it was hashed");
        start.elapsed()
    };
    let names = [("ada", "eve"), ("bob", "mallory")];
    let mut pairs = Vec::new();
    for number in 0..200 {
        let (known, unknown) = names[number % 2];
        pairs.push(if number % 4 < 2 {
            (timed(&mut attacker, known), timed(&mut attacker, unknown))
        } else {
            let unknown = timed(&mut attacker, unknown);
            (timed(&mut attacker, known), unknown)
        });
    }
    let mut known: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
    let mut unknown: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
    let (from, to) = confidence(&pairs);
    eprintln!(
        "  200 pairs: known {:?}, unknown {:?}; difference of the medians {from} to {to} us (95 %)",
        median(&mut known),
        median(&mut unknown),
    );
    scene.close_with(ada);
}

/// So many at once, each with a form of its own; how many answers there were of each status, and the waits.
fn at_once(guessers: Vec<(Attacker, String)>) -> (BTreeMap<u16, usize>, Vec<u32>) {
    let ready: Vec<_> = guessers
        .into_iter()
        .map(|(mut attacker, name)| {
            let csrf = attacker.csrf();
            (attacker, name, csrf)
        })
        .collect();
    let replies: Vec<_> = thread::scope(|scope| {
        let sent: Vec<_> = ready
            .into_iter()
            .map(|(mut attacker, name, csrf)| {
                scope.spawn(move || {
                    let fields = with_token(&[("username", &name), ("password", WRONG)], &csrf);
                    attacker.post("/login", encode(&fields).as_bytes())
                })
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let mut statuses = BTreeMap::new();
    for reply in &replies {
        *statuses.entry(reply.status).or_default() += 1;
    }
    let waits = replies.iter().filter(|reply| reply.status == 429);
    let waits = waits.map(|reply| reply.header("retry-after").parse().unwrap());
    (statuses, waits.collect())
}

#[test]
fn a03_a_storm_is_cut_off_and_its_target_still_gets_in() {
    let scene = Scene::with(&[
        ("VESTIBULE_THROTTLE__FIRST_WAIT", "1h"),
        ("VESTIBULE_THROTTLE__ADDRESS_FREE", "40"),
    ]);
    // A browser that ada has used before.
    let mut known = scene.ada();
    assert_eq!(known.submit("/logout", &[]).status, 303);

    let storm = |name: &dyn Fn(usize) -> String, count| {
        at_once((0..count).map(|n| (scene.attacker(), name(n))).collect())
    };
    let (statuses, waits) = storm(&|_| "ada".to_owned(), 50);
    assert_eq!(statuses, BTreeMap::from([(401, 5), (429, 45)]));
    assert!(
        waits.iter().all(|wait| (1..=3600).contains(wait)),
        "{waits:?}"
    );
    assert_eq!(known.login("ada", PASSWORD).status, 303, "during the storm");

    // Many names from one address, which has five wrong guesses behind it.
    let (statuses, _) = storm(&|n| format!("nobody{n}"), 60);
    assert_eq!(statuses, BTreeMap::from([(401, 35), (429, 25)]));
    assert_eq!(known.login("ada", PASSWORD).status, 303, "from next door");
    scene.close_with(known);
}

#[test]
fn a03_waits_grow_and_the_right_password_works_after_them() {
    let scene = Scene::with(&[
        ("VESTIBULE_THROTTLE__FIRST_WAIT", "2s"),
        ("VESTIBULE_THROTTLE__LONGEST_WAIT", "1h"),
    ]);
    scene.ada();
    let mut waits = Vec::new();
    for _ in 0..3 {
        let reply = loop {
            let reply = scene.attacker().login("eve", WRONG);
            if reply.status == 429 {
                break reply;
            }
        };
        waits.push(reply.header("retry-after").parse::<u64>().unwrap());
        let start = Instant::now();
        while scene.attacker().login("eve", WRONG).status == 429 {
            assert!(start.elapsed() < Duration::from_mins(1));
        }
    }
    assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");

    while scene.attacker().login("ada", WRONG).status != 429 {}
    let mut stranger = scene.attacker();
    let start = Instant::now();
    while stranger.login("ada", PASSWORD).status == 429 {
        assert!(start.elapsed() < Duration::from_mins(1));
    }
    assert!(stranger.is_signed_in());
    scene.close_with(stranger);
}
