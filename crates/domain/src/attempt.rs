use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::ports::Attempts;
use crate::{Outage, UserId, Username};

/// What attempts are counted by: an account, an address, a browser. A store sees a digest, so that what people type into
/// the field for the name is kept nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket(pub [u8; 32]);

impl Bucket {
    /// The guesses at one account's password by browsers that are not known to it. A name that nobody has is counted like
    /// any other.
    pub fn account(username: &Username) -> Self {
        Self::of("account", &[username.as_str().as_bytes()])
    }

    /// The guesses from one address, at whatever account.
    pub fn address(address: IpAddr) -> Self {
        Self::of("address", &[network(address).to_string().as_bytes()])
    }

    /// The guesses at one account's password by one browser that is known to it.
    pub fn device(device: &Device) -> Self {
        Self::of("device", &[device.user.0.as_bytes(), &device.id.0])
    }

    /// The accounts that one address wants to make.
    pub fn registration(address: IpAddr) -> Self {
        Self::of("registration", &[network(address).to_string().as_bytes()])
    }

    /// The names that one account wants to take.
    pub fn renaming(user: UserId) -> Self {
        Self::of("renaming", &[user.0.as_bytes()])
    }

    /// The mails with a link for a new password that are asked for in the name of one account or address, as it was typed.
    pub fn reset(target: &str) -> Self {
        Self::of("mail", &[target.as_bytes()])
    }

    /// Those that are asked for by one browser, of the account that knows it.
    pub fn own_reset(device: &Device) -> Self {
        Self::of("own reset", &[&device.id.0])
    }

    /// The mails that verify one address. They are not those that anybody can ask for.
    pub fn verification(address: &str) -> Self {
        Self::of("verification", &[address.as_bytes()])
    }

    /// The mails that one address wants to be sent.
    pub fn sender(address: IpAddr) -> Self {
        Self::of("sender", &[network(address).to_string().as_bytes()])
    }

    fn of(kind: &str, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new().chain_update(kind);
        for part in parts {
            // A part that may hold a zero byte has a length of its own, so that nothing else reads the same.
            digest.update(b"\0");
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket(..)")
    }
}

/// Whom an address stands for: IPv4 one by one, IPv6 by the /64 that one household has to itself.
///
/// Source of the 64 bits: RFC 6177 and RFC 7421, the least that a site is given.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A browser that has signed in to an account before, for that account: it holds a signed cookie that says so. It is the
/// account's and not its name's, which may become somebody else's.
///
/// Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Which one.
    pub id: DeviceId,
    /// Whose account knows it.
    pub user: UserId,
    /// The sign-in that made it known.
    pub since: OffsetDateTime,
}

impl Device {
    /// How long an account knows a browser that does not sign in again.
    ///
    /// Source: RFC 6265bis section 4.1.2.2, the longest that browsers keep a cookie.
    pub const KNOWN: Duration = Duration::from_hours(400 * 24);
}

/// A random number, by which browsers are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(pub [u8; 16]);

impl DeviceId {
    /// A new one.
    ///
    /// # Errors
    /// [`Outage`] when the system has no randomness to give.
    pub fn random() -> Result<Self, Outage> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(Outage::during("naming a browser"))?;
        Ok(Self(bytes))
    }
}

/// How often something may fail before it has to wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many attempts need not wait.
    pub free: u32,
    /// After them, how long the next one waits; each one after that twice as long as the one before.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
    /// After so many attempts there are no more, however long one waits; `None`: there always are.
    pub off_after: Option<u32>,
    /// Attempts are forgotten when none was made for so long, unless they are off.
    pub forgotten_after: Duration,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It may, and was counted: this is the how-manieth since the last success.
    Granted(u32),
    /// It may not, and was not counted.
    Refused(Refusal),
}

/// Why an attempt may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It may after so long.
    Wait(Duration),
    /// Not until somebody [clears](crate::ports::Attempts::clear) the bucket.
    Off,
}

/// Whether an attempt may be made that counts in two buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    /// It may, and was counted in both: in the second it is the how-manieth since the last success.
    Granted(u32),
    /// The first bucket does not grant it; it was counted in neither.
    First(Refusal),
    /// The second bucket does not grant it; it was counted in neither.
    Second(Refusal),
}

/// [`Attempts::claim_both`] for a store that has no step for two buckets. The second is not even asked where the first refuses;
/// what the second refuses is taken back in the first.
///
/// # Errors
/// [`Outage`] when the store cannot be reached.
pub async fn claim_one_by_one(
    attempts: &impl Attempts,
    (first, first_limit): (Bucket, Limit),
    (second, second_limit): (Bucket, Limit),
    now: OffsetDateTime,
) -> Result<Claims, Outage> {
    match attempts.claim(first, &first_limit, now).await? {
        Claim::Granted(_) => {}
        Claim::Refused(refusal) => return Ok(Claims::First(refusal)),
    }
    let refused = match attempts.claim(second, &second_limit, now).await {
        Ok(Claim::Granted(number)) => return Ok(Claims::Granted(number)),
        Ok(Claim::Refused(refusal)) => Ok(Claims::Second(refusal)),
        Err(outage) => Err(outage),
    };
    // Where that fails, it goes on being counted: the safe side.
    let _ = attempts.take_back(first, &first_limit).await;
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::MockAttempts;
    use crate::throttle::testing::LIMIT;

    fn parsed(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn neighbours_in_one_household_are_one_and_others_are_not() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let of = |text| Bucket::address(parsed(text));
            assert_eq!(of(a) == of(b), same, "{a} {b}");
        }
    }

    #[test]
    fn no_bucket_is_another_kind_s() {
        let name = Username::parse("192.0.2.1").unwrap();
        let address = parsed("192.0.2.1");
        assert_ne!(Bucket::account(&name), Bucket::address(address));
        assert_ne!(Bucket::address(address), Bucket::registration(address));
        let user = UserId::new();
        let device = |user| {
            Bucket::device(&Device {
                id: DeviceId([7; 16]),
                user,
                since: OffsetDateTime::UNIX_EPOCH,
            })
        };
        assert_ne!(Bucket::account(&name), device(user));
        assert_ne!(device(UserId::new()), device(user));
    }

    #[tokio::test]
    async fn where_the_second_cannot_be_asked_the_first_is_relieved() {
        let [first, second] = ["192.0.2.1", "192.0.2.2"].map(|a| Bucket::address(parsed(a)));
        let mut attempts = MockAttempts::new();
        attempts
            .expect_claim()
            .times(2)
            .returning(move |asked, _, _| {
                if asked == first {
                    return Ok(Claim::Granted(1));
                }
                Err(Outage::during("counting an attempt")("gone"))
            });
        attempts
            .expect_take_back()
            .withf(move |bucket, _| *bucket == first)
            .once()
            .return_once(|_, _| Ok(()));
        let now = OffsetDateTime::UNIX_EPOCH;
        let asked = claim_one_by_one(&attempts, (first, LIMIT), (second, LIMIT), now);
        assert!(asked.await.is_err());
    }
}
