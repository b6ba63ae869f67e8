use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::http::CookieJar;
use rocket::request::Request;
use time::OffsetDateTime;
use uuid::Uuid;
use vestibule_domain::{Device, DeviceId, NewSession, Outage, UserId};

use crate::Site;
use crate::cookie;
use crate::guard::site;

/// As many accounts as people have in one place.
const MOST: usize = 5;

const PURPOSE: &str = "vestibule device";

/// What a browser brings along to show that it has signed in here before: for each account an entry, the newest first.
/// An entry is a [`Device`] in base64url, and a tag that shows whose making it is; what is not of our making is as if it were
/// not there. Who an account belongs to, only the database can tell.
///
/// Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
pub(crate) fn of(req: &Request<'_>) -> Vec<Device> {
    let text = cookie::value(req, site(req).device_cookie()).unwrap_or_default();
    read(site(req), text)
}

fn read(site: &Site, text: &str) -> Vec<Device> {
    let entries = text.split('~').take(MOST);
    entries.filter_map(|entry| parse(site, entry)).collect()
}

/// Makes a browser known from now on to the account that it has just signed in to, beside those `before`. The entry is always
/// a new one, so that a copy which somebody took has a count of its own.
///
/// # Errors
/// [`Outage`] when the system has no randomness to give.
pub(crate) fn remember(
    site: &Site,
    jar: &CookieJar<'_>,
    before: &[Device],
    session: &NewSession,
) -> Result<(), Outage> {
    let new = Device {
        id: DeviceId::random()?,
        user: session.token.id().user,
        since: session.at,
    };
    let others = before.iter().filter(|device| device.user != new.user);
    let entries: Vec<_> = std::iter::once(&new)
        .chain(others)
        .take(MOST)
        .map(|device| text(site, device))
        .collect();
    let value = entries.join("~");
    site.add(jar, site.device_cookie(), value, Some(Device::KNOWN));
    Ok(())
}

fn parse(site: &Site, text: &str) -> Option<Device> {
    let (device, tag) = text.split_once('.')?;
    if !site.keys.is_signed(PURPOSE, device, tag) {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(device).ok()?;
    let (id, rest) = bytes.split_first_chunk()?;
    let (user, since) = rest.split_first_chunk()?;
    let since = i64::from_be_bytes(since.try_into().ok()?);
    Some(Device {
        id: DeviceId(*id),
        user: UserId(Uuid::from_bytes(*user)),
        since: OffsetDateTime::from_unix_timestamp(since).ok()?,
    })
}

fn text(site: &Site, device: &Device) -> String {
    let since = device.since.unix_timestamp().to_be_bytes();
    let bytes = [&device.id.0, device.user.0.as_bytes(), since.as_slice()].concat();
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let tag = site.keys.sign(PURPOSE, &text);
    format!("{text}.{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keys;
    use proptest::prelude::*;
    use time::macros::datetime;
    use url::Url;

    fn site() -> Site {
        let url = Url::parse("http://localhost:8000").unwrap();
        Site::new(&url, Keys::new("a key".into(), Vec::new()))
    }

    fn device(id: u8) -> Device {
        Device {
            id: DeviceId([id; 16]),
            user: UserId(Uuid::from_u128(1)),
            since: datetime!(2026-11-24 12:00 UTC),
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_given_and_no_other() {
        let site = site();
        let read = |text: &str| read(&site, text);
        let (ada, eve) = (text(&site, &device(1)), text(&site, &device(2)));
        assert_eq!(read(&ada), [device(1)]);
        assert_eq!(
            read(&format!("{ada}~nonsense~{eve}")),
            [device(1), device(2)]
        );

        let (entry, _) = ada.split_once('.').unwrap();
        let (_, tag) = eve.split_once('.').unwrap();
        // Signed, and too short or too long.
        let [short, long] = ["AAAA", &format!("{entry}AAAA")]
            .map(|text| format!("{text}.{}", site.keys.sign(PURPOSE, text)));
        for odd in [
            format!("{entry}.{tag}"),
            ada.replace('.', ""),
            format!("A{ada}"),
            short,
            long,
        ] {
            assert_eq!(read(&odd), [], "{odd}");
        }
    }

    proptest! {
        #[test]
        fn fuzz_device_cookie(text in "[A-Za-z0-9_.~-]{0,200}|.{0,80}") {
            prop_assert_eq!(read(&site(), &text), []);
        }

        #[test]
        fn one_bit_changed_is_nothing(at in 0_usize..98, bit in 0_u8..7) {
            let site = site();
            let mut text = text(&site, &device(1)).into_bytes();
            prop_assume!(at < text.len());
            text[at] ^= 1 << bit;
            // The last character of each part carries bits that mean nothing; they have to be zero all the same.
            let text = String::from_utf8_lossy(&text).into_owned();
            prop_assert_eq!(read(&site, &text), []);
        }
    }
}
