//! Names that look alike, and a name that fifty want at once.

use std::collections::BTreeMap;
use std::thread;

use super::attacker::Scene;
use crate::app::PASSWORD;

#[test]
fn a09_a_name_that_looks_like_anothers_is_not_to_be_had() {
    let scene = Scene::open();
    for (alike, status) in [
        ("ada", 409),
        ("ADA", 409),
        ("Ada", 409),
        (" ada ", 409),
        ("\tada\n", 409),
        ("\u{430}da", 422),
        ("ad\u{430}", 422),
        ("\u{251}da", 422),
        ("ａｄａ", 422),
        ("adá", 422),
        ("ada\u{301}", 422),
        ("a\u{200b}da", 422),
        ("ada\u{200d}", 422),
        ("a\u{ad}da", 422),
        ("\u{202e}ada", 422),
        ("ada\u{202c}", 422),
        ("\u{feff}ada", 422),
        ("ada\u{fe0f}", 422),
        ("ad\u{aa}", 422),
        ("\u{1d41a}\u{1d41d}\u{1d41a}", 422),
        ("\u{24d0}da", 422),
        ("ada\0", 422),
        ("a\0da", 422),
        ("ada\u{7f}", 422),
        ("a da", 422),
        ("ada\u{2800}", 422),
        ("ada\u{3164}", 422),
        ("\u{212a}elvin", 422),
        ("stra\u{df}e", 422),
        ("\u{130}sil", 422),
        ("ad\u{131}", 422),
        ("%61da", 422),
        ("ad&#97;", 422),
        ("ad\\u0061", 422),
    ] {
        let mut eve = scene.attacker();
        let reply = eve.register(alike, PASSWORD);
        assert_eq!(reply.status, status, "{alike:?}");
        assert!(eve.session().is_none(), "{alike:?}");
    }
    // Whatever folds to ada is ada at the door, too.
    for same in ["ADA", " Ada\t"] {
        let mut ada = scene.attacker();
        assert_eq!(ada.login(same, PASSWORD).status, 303, "{same:?}");
        assert!(ada.get("/dashboard").body.contains("Hello, ada"));
    }
    scene.close();
}

#[test]
fn a10_of_fifty_who_want_one_name_at_two_instances_one_gets_it() {
    let scene = Scene::open();
    let other = scene.another();
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for n in 0..50 {
            let mut client = scene.attacker_at(if n % 2 == 0 { &scene.server } else { &other });
            threads.push(scope.spawn(move || {
                let name = ["eve", "EVE", " Eve "][n % 3];
                let reply = client.register(name, PASSWORD);
                assert_eq!(client.session().is_some(), reply.status == 303);
                reply.status
            }));
        }
        for thread in threads {
            *counts.entry(thread.join().unwrap()).or_default() += 1;
        }
    });
    assert_eq!(counts, BTreeMap::from([(303, 1), (409, 49)]));
    for server in [&scene.server, &other] {
        let mut eve = scene.attacker_at(server);
        assert_eq!(eve.login("eve", PASSWORD).status, 303);
    }
    drop(other);
    scene.close();
}
