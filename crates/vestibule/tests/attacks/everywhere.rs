//! Every place that takes text from outside: each field of each form, and each cookie.

use std::collections::BTreeMap;

use super::attacker::{Attacker, Reply, Scene, percent};
use crate::app::{PASSWORD, encode};
use crate::every_route::{POSTS, fields_of, optional_fields_of};
use crate::matrix::rows;

/// The paths that take a form, and whether it is for signed-in people.
fn forms() -> Vec<(&'static str, bool)> {
    // A path that ends with a slash is the same once more.
    let rows = rows().into_iter().filter(|row| !row.path.ends_with('/'));
    let asked = rows.filter(|row| row.role == "nobody").map(|row| {
        let post = row.cells.iter().find(|(method, _)| *method == "POST");
        (row.path, post.expect("a column for POST").1)
    });
    let forms: Vec<_> = asked
        .filter(|(_, status)| matches!(status, 303 | 415))
        .map(|(path, status)| (path, status == 303))
        .collect();
    assert_eq!(forms.len(), POSTS, "{forms:?}");
    forms
}

/// Stands for the name of a field instead of a field.
const A_NAME: &str = "a name";

/// Somebody who fills in one form.
struct Filler {
    client: Attacker,
    name: String,
    csrf: String,
}

/// What a form may answer where a field holds something odd, and all others what they should.
fn statuses(path: &str, odd: &str) -> &'static [u16] {
    match (path, odd) {
        // What is no UTF-8 is refused before it is compared.
        (_, "csrf") => &[403, 422],
        ("/login", "password") => &[401, 422],
        // Any text is a new password that is long enough. Of the others, two are compared, and one is for us to follow.
        ("/register", "password") | (_, "new" | "next" | "remember" | "session") => &[303, 422],
        _ => &[422],
    }
}

/// All forms of a scene, each with somebody of its own who fills it in.
pub(crate) struct EveryForm<'a> {
    scene: &'a Scene,
    fillers: BTreeMap<&'static str, Filler>,
    names: usize,
}

impl<'a> EveryForm<'a> {
    pub(crate) fn of(scene: &'a Scene) -> Self {
        Self {
            scene,
            fillers: BTreeMap::new(),
            names: 0,
        }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("filler{}", self.names)
    }

    /// Somebody with an account, who is signed in where the form wants it, or has opened a link where it wants that.
    fn filler(&mut self, path: &str, is_private: bool) -> Filler {
        let name = self.name();
        let mut client = self.scene.attacker();
        if path == "/reset" {
            client.get(&self.scene.made(&name));
        } else {
            let email = format!("{name}@example.com");
            let mut fields = vec![("username", name.as_str()), ("password", PASSWORD)];
            if path == "/link" {
                fields.push(("email", &email));
            }
            assert_eq!(client.submit("/register", &fields).status, 303, "{path}");
            if !is_private {
                client = self.scene.attacker();
            }
            if path == "/link" {
                client.get(&self.scene.mailed_link("verify"));
            }
        }
        let csrf = client.csrf();
        Filler { client, name, csrf }
    }

    /// Sends each form once for each of its fields, with `payload` in that field and all others right, and once with a field
    /// that is named so; `judge` gets each answer, and where it is from.
    pub(crate) fn send(&mut self, payload: &[u8], judge: impl Fn(&Reply, &str)) {
        let payload = percent(payload);
        for (path, is_private) in forms() {
            let needed = fields_of(path).iter().copied();
            let optional = optional_fields_of(path).iter().copied();
            let all = needed.clone().chain(optional.clone());
            let all = all.map(|(name, _)| name).chain(["csrf", A_NAME]);
            for odd in all {
                let mut filler = match self.fillers.remove(path) {
                    Some(filler) => filler,
                    None => self.filler(path, is_private),
                };
                let name = match path {
                    "/login" | "/account/delete" => filler.name.clone(),
                    _ => self.name(),
                };
                let optional = optional.clone().filter(|(field, _)| *field == odd);
                let fields = needed.clone().chain(optional);
                let fields = fields.chain([("csrf", filler.csrf.as_str())]);
                let mut pairs: Vec<_> = fields
                    .map(|(field, value)| match field {
                        _ if field == odd => format!("{field}={payload}"),
                        "username" => encode(&[(field, &name)]),
                        _ => encode(&[(field, value)]),
                    })
                    .collect();
                if odd == A_NAME {
                    pairs.push(format!("{payload}=x"));
                }
                let place = format!("{path}, {odd}: {payload}");
                let reply = filler.client.post(path, pairs.join("&").as_bytes());
                assert!(
                    statuses(path, odd).contains(&reply.status),
                    "{place}: {}",
                    reply.status
                );
                judge(&reply, &place);
                // Whoever was let in, or has another password now, is another one.
                if reply.status != 303 {
                    self.fillers.insert(path, filler);
                }
            }
        }
    }
}

/// Has each cookie but the session's hold `payload`, on the pages that read it; `judge` gets each answer, and where it is
/// from. Nobody gets further by it.
pub(crate) fn in_every_cookie(scene: &Scene, payload: &str, judge: impl Fn(&Reply, &str)) {
    let coded = percent(payload.as_bytes());
    for name in ["device", "link", "notice", "farewell"] {
        for value in [
            payload,
            &coded,
            &format!("reset.{coded}"),
            &format!("join.{coded}"),
        ] {
            for (path, status) in [
                ("/login", 200),
                ("/register", 200),
                ("/forgot", 200),
                ("/link", 410),
                ("/reset", 410),
                ("/dashboard", 303),
            ] {
                let mut nobody = scene.attacker();
                nobody
                    .cookies
                    .insert(format!("__Host-{name}"), value.to_owned());
                let reply = nobody.get(path);
                let place = format!("{path}, {name}: {value}");
                assert_eq!(reply.status, status, "{place}");
                judge(&reply, &place);
            }
        }
    }
    for value in [payload, &coded] {
        let mut nobody = scene.attacker();
        nobody.get("/login");
        nobody
            .cookies
            .insert("__Host-device".into(), value.to_owned());
        let reply = nobody.login("nobody", "a wrong guess");
        let place = format!("a guess, device: {value}");
        assert_eq!(reply.status, 401, "{place}");
        judge(&reply, &place);
    }
}
