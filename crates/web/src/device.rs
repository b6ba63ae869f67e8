use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::http::CookieJar;
use rocket::request::Request;
use vestibule_domain::{DeviceId, Outage, Username};

use crate::Site;
use crate::cookie;
use crate::guard::site;

/// What a browser brings along to show that it has signed in here before: for each account an entry, the newest first.
/// An entry is a random number and a tag that binds it to a username, which only who types that name can find out.
///
/// Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
pub(crate) struct Devices(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    id: DeviceId,
    tag: String,
}

/// As many accounts as people have in one place.
const MOST: usize = 5;

/// Source: RFC 6265bis section 4.1.2.2, the longest that browsers keep a cookie.
const KEPT: Duration = Duration::from_hours(400 * 24);

const PURPOSE: &str = "vestibule device";

impl Devices {
    /// What is not of our making is as if it were not there.
    pub(crate) fn of(req: &Request<'_>) -> Self {
        let text = cookie::value(req, site(req).device_cookie()).unwrap_or_default();
        Self::parse(text)
    }

    fn parse(text: &str) -> Self {
        Self(
            text.split('~')
                .take(MOST)
                .filter_map(Entry::parse)
                .collect(),
        )
    }

    /// As what this browser is known to the account of that name.
    pub(crate) fn known_to(&self, site: &Site, username: &Username) -> Option<DeviceId> {
        let entry = self.0.iter().find(|entry| entry.is_for(site, username))?;
        Some(entry.id.clone())
    }

    /// Makes this browser known to that account from now on. The entry is always a new one, so that a copy which somebody
    /// took has a count of its own.
    ///
    /// # Errors
    /// [`Outage`] when the system has no randomness to give.
    pub(crate) fn remember(
        &self,
        site: &Site,
        jar: &CookieJar<'_>,
        username: &Username,
    ) -> Result<(), Outage> {
        let new = Entry::new(site, username)?;
        let others = self.0.iter().filter(|entry| !entry.is_for(site, username));
        let entries: Vec<_> = std::iter::once(&new)
            .chain(others)
            .take(MOST)
            .map(Entry::text)
            .collect();
        site.add(jar, site.device_cookie(), entries.join("~"), Some(KEPT));
        Ok(())
    }
}

impl Entry {
    fn new(site: &Site, username: &Username) -> Result<Self, Outage> {
        let id = DeviceId::random()?;
        let tag = site.keys.sign(PURPOSE, &message(&id, username));
        Ok(Self { id, tag })
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, tag) = text.split_once('.')?;
        let id = URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?;
        Some(Self {
            id: DeviceId(id),
            tag: tag.to_owned(),
        })
    }

    fn text(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(self.id.0), self.tag)
    }

    fn is_for(&self, site: &Site, username: &Username) -> bool {
        let message = message(&self.id, username);
        site.keys.is_signed(PURPOSE, &message, &self.tag)
    }
}

/// The number has a length of its own, so that nothing else reads the same.
fn message(id: &DeviceId, username: &Username) -> String {
    format!("{}{}", URL_SAFE_NO_PAD.encode(id.0), username.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keys;
    use proptest::prelude::*;
    use url::Url;

    fn site() -> Site {
        let url = Url::parse("http://localhost:8000").unwrap();
        Site::new(&url, Keys::new("a key".into(), Vec::new()))
    }

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn an_entry_is_for_one_name_and_as_it_was_given() {
        let site = site();
        let entry = Entry::new(&site, &name("ada")).unwrap();
        let devices = Devices::parse(&entry.text());
        assert_eq!(
            devices.known_to(&site, &name("ada")),
            Some(entry.id.clone())
        );
        assert_eq!(devices.known_to(&site, &name("adam")), None);

        let other = Entry::new(&site, &name("eve")).unwrap();
        let mixed = Entry {
            id: entry.id.clone(),
            tag: other.tag,
        };
        for odd in [
            mixed.text(),
            entry.text().replace('.', ""),
            format!("A{}", entry.text()),
        ] {
            assert_eq!(
                Devices::parse(&odd).known_to(&site, &name("ada")),
                None,
                "{odd}"
            );
        }
    }

    proptest! {
        #[test]
        fn fuzz_device_cookie(text in "[A-Za-z0-9_.~-]{0,200}|.{0,80}") {
            let devices = Devices::parse(&text);
            prop_assert!(devices.0.len() <= MOST);
            prop_assert_eq!(devices.known_to(&site(), &name("ada")), None);
        }

        #[test]
        fn one_bit_changed_is_nothing(at in 0_usize..66, bit in 0_u8..7) {
            let site = site();
            let mut text = Entry::new(&site, &name("ada")).unwrap().text().into_bytes();
            prop_assume!(at < text.len());
            text[at] ^= 1 << bit;
            // The last character of each part carries bits that mean nothing; they have to be zero all the same.
            let text = String::from_utf8_lossy(&text).into_owned();
            prop_assert_eq!(Devices::parse(&text).known_to(&site, &name("ada")), None);
        }
    }
}
