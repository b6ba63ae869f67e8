use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;

use crate::ports::{Attempts, Clock, Events};
use crate::{
    Browser, Bucket, Claim, Claims, Device, Event, EventKind, Limit, Outage, Refusal, UserId,
    Username,
};

/// What keeps guessing slow, and cannot be turned against whom it protects: a browser that an account knows is counted by
/// itself, so that a storm on the account, or from next door, never keeps its owner out.
///
/// Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies"; NIST SP 800-63B-4 section 3.2.2.
#[derive(Clone)]
pub struct Throttle {
    /// Where attempts are counted.
    pub attempts: Arc<dyn Attempts>,
    /// Where what was refused is noted.
    pub events: Arc<dyn Events>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How often.
    pub limits: ThrottleLimits,
}

/// How many attempts there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Wrong passwords for one account: by all browsers together that it does not know, and by each one that it knows.
    pub account: Limit,
    /// Logins from one address that are wrong or under way. Many people may be behind one, so that more are free.
    pub address: Limit,
    /// Accounts that one address wants to make, and names that one account wants to take.
    pub registration: Limit,
    /// Mails that are asked for: to one account or address. One who asks may have as many sent as may be registered.
    pub mail: Limit,
}

/// Why an attempt is not made.
#[derive(Debug, Error)]
pub enum Throttled {
    /// Too many were made; for so long there is none.
    #[error("too many attempts")]
    TooSoon(Duration),
    /// So many were made that there are no more.
    #[error("no more attempts")]
    Off,
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Why a mail is not sent, or no account made, at once.
#[derive(Debug, Error)]
pub(crate) enum TooOften {
    /// For so long there is none.
    #[error("too many wishes")]
    Wait(Duration),
    /// The outside did not answer.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// A guess that may be made, and was counted as a wrong one.
#[derive(Debug)]
pub(crate) struct Guess {
    /// The account, or the browser that it knows.
    main: Bucket,
    address: Option<Bucket>,
    /// How many there were since the last right one, this one among them.
    pub number: u32,
}

/// The right to have a new password judged, and an account made. It was counted.
#[derive(Debug)]
pub struct Permit(());

impl Permit {
    /// That of somebody who has just given the password of an account, which was counted.
    pub(crate) fn of_member() -> Self {
        Self(())
    }
}

/// By what an attempt was refused, in words for an operator.
type Rule = &'static str;

impl Throttle {
    /// Counts a guess before it is made, so that none slips through beside another. A name that nobody has is counted
    /// like any other: `user` is whose it is.
    pub(crate) async fn admit(
        &self,
        username: &Username,
        user: Option<UserId>,
        browser: &Browser,
    ) -> Result<Guess, Throttled> {
        if let Some(device) = user.and_then(|user| browser.device(user, self.now())) {
            let bucket = Bucket::device(device);
            match self.claim(bucket, &self.limits.account).await? {
                Claim::Granted(number) => {
                    return Ok(Guess {
                        main: bucket,
                        address: None,
                        number,
                    });
                }
                Claim::Refused(Refusal::Wait(wait)) => {
                    return Err(self.refuse("browser", Some(wait), browser));
                }
                // It is not trusted any more: a stranger's.
                Claim::Refused(Refusal::Off) => {}
            }
        }

        let (address, account) = (Bucket::address(seen(browser)), Bucket::account(username));
        let by_address = (address, self.limits.address);
        let by_account = (account, self.limits.account);
        let claims = self
            .attempts
            .claim_both(by_address, by_account, self.now())
            .await?;
        let (rule, refusal) = match claims {
            Claims::Granted(number) => {
                return Ok(Guess {
                    main: account,
                    address: Some(address),
                    number,
                });
            }
            Claims::First(refusal) => ("address", refusal),
            Claims::Second(refusal) => ("account", refusal),
        };
        let wait = match refusal {
            Refusal::Wait(wait) => Some(wait),
            Refusal::Off => None,
        };
        Err(self.refuse(rule, wait, browser))
    }

    /// The guess was right: what was wrong before it is forgotten. The address is only relieved of this guess, or whoever
    /// has an account of his own would guess at others' for free.
    ///
    /// What cannot be written down fails on the safe side: the guess goes on being counted.
    pub(crate) async fn was_right(&self, guess: &Guess) {
        let _ = match guess.address {
            Some(address) => {
                let limit = &self.limits.address;
                self.attempts.settle(guess.main, address, limit).await
            }
            None => self.attempts.clear(guess.main).await,
        };
    }

    /// The guess was not made, for lack of something of ours: nobody is to pay for that.
    pub(crate) async fn was_not_made(&self, guess: &Guess) {
        let limit = &self.limits.account;
        // A store that is gone is asked once: somebody waits for the answer.
        if self.attempts.take_back(guess.main, limit).await.is_ok()
            && let Some(address) = guess.address
        {
            let limit = &self.limits.address;
            let _ = self.attempts.take_back(address, limit).await;
        }
    }

    /// Whether this guess, being wrong, was the last one that strangers had.
    pub(crate) fn was_the_last(&self, guess: &Guess) -> bool {
        // A known browser that guesses on is only known no more.
        guess.address.is_some() && self.limits.account.off_after == Some(guess.number)
    }

    /// Counts somebody's wish for a new account.
    pub(crate) async fn permit(&self, browser: &Browser) -> Result<Permit, TooOften> {
        let bucket = Bucket::registration(seen(browser));
        let limit = &self.limits.registration;
        self.wish(bucket, limit, "registrations of an address", browser)
            .await?;
        Ok(Permit(()))
    }

    /// Counts a mail that somebody wants to be sent to the `target` of this bucket, the same whether there is such a one.
    pub(crate) async fn mail(&self, target: Bucket, browser: &Browser) -> Result<(), TooOften> {
        let (sender, limit) = (Bucket::sender(seen(browser)), &self.limits.registration);
        self.wish(sender, limit, "mails of an address", browser)
            .await?;
        let limit = &self.limits.mail;
        self.wish(target, limit, "mails to one", browser).await
    }

    /// Counts a mail that is wanted of an account by a browser that it knows: by itself alone, so that strangers who ask in the
    /// account's name keep its owner from nothing.
    pub(crate) async fn own_mail(
        &self,
        device: &Device,
        browser: &Browser,
    ) -> Result<(), TooOften> {
        let (bucket, limit) = (Bucket::own_reset(device), &self.limits.mail);
        self.wish(bucket, limit, "mails to one", browser).await
    }

    /// Counts a name that an account wants, taken or not: each is a mail, and one at which nobody has guessed yet.
    pub(crate) async fn renaming(&self, user: UserId, browser: &Browser) -> Result<(), TooOften> {
        let (bucket, limit) = (Bucket::renaming(user), &self.limits.registration);
        self.wish(bucket, limit, "new names of an account", browser)
            .await
    }

    async fn wish(
        &self,
        bucket: Bucket,
        limit: &Limit,
        rule: Rule,
        browser: &Browser,
    ) -> Result<(), TooOften> {
        let wait = match self.claim(bucket, limit).await? {
            Claim::Granted(_) => return Ok(()),
            Claim::Refused(Refusal::Wait(wait)) => wait,
            // No limit of wishes is ever off.
            Claim::Refused(Refusal::Off) => limit.longest_wait,
        };
        let event = self.event(EventKind::LimitExceeded, None, browser);
        self.events.record(event.with(facts(rule, Some(wait))));
        Err(TooOften::Wait(wait))
    }

    /// A new account starts without the guesses at its name that were made when nobody had it.
    pub(crate) async fn begin(&self, username: &Username) {
        // Where that fails, it is counted as if it had been the account's.
        let _ = self.attempts.clear(Bucket::account(username)).await;
    }

    /// Makes an account's password count again for browsers that it does not know.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    pub async fn unlock(&self, username: &Username, user: UserId) -> Result<(), Outage> {
        self.attempts.clear(Bucket::account(username)).await?;
        let event = self.event(EventKind::PasswordUnlocked, Some(user), &Browser::default());
        self.events.record(event);
        Ok(())
    }

    /// An event of this moment.
    pub(crate) fn event(&self, kind: EventKind, user: Option<UserId>, browser: &Browser) -> Event {
        browser.event(kind, self.now(), user)
    }

    async fn claim(&self, bucket: Bucket, limit: &Limit) -> Result<Claim, Outage> {
        self.attempts.claim(bucket, limit, self.now()).await
    }

    fn refuse(&self, rule: Rule, wait: Option<Duration>, browser: &Browser) -> Throttled {
        let event = self.event(EventKind::LoginOverLimit, None, browser);
        self.events.record(event.with(facts(rule, wait)));
        refusal(wait)
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }
}

fn refusal(wait: Option<Duration>) -> Throttled {
    wait.map_or(Throttled::Off, Throttled::TooSoon)
}

fn facts(rule: Rule, wait: Option<Duration>) -> Vec<(&'static str, String)> {
    let wait = wait.map_or_else(
        || "for good".to_owned(),
        |wait| format!("{} s", wait.as_secs()),
    );
    vec![("rule", rule.to_owned()), ("wait", wait)]
}

/// Those whose address nobody saw are one.
fn seen(browser: &Browser) -> IpAddr {
    browser.address.unwrap_or(Ipv6Addr::UNSPECIFIED.into())
}

/// For the tests of the acts.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::ports::{MockAttempts, MockClock};
    use time::macros::datetime;

    /// The numbers of the product.
    pub(crate) const LIMIT: Limit = Limit {
        free: 5,
        first_wait: Duration::from_secs(30),
        longest_wait: Duration::from_hours(1),
        off_after: Some(100),
        forgotten_after: Duration::from_hours(24),
    };

    pub(crate) fn throttle(attempts: MockAttempts, events: Arc<dyn Events>) -> Throttle {
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .return_const(datetime!(2026-11-25 12:00 UTC));
        Throttle {
            attempts: Arc::new(attempts),
            events,
            clock: Arc::new(clock),
            limits: ThrottleLimits {
                account: LIMIT,
                address: LIMIT,
                registration: LIMIT,
                mail: LIMIT,
            },
        }
    }

    /// Lets everybody try, as if it were the first time.
    pub(crate) fn granting() -> MockAttempts {
        let mut attempts = MockAttempts::new();
        attempts
            .expect_claim()
            .returning(|_, _, _| Ok(Claim::Granted(1)));
        attempts
            .expect_claim_both()
            .returning(|_, _, _| Ok(Claims::Granted(1)));
        attempts.expect_clear().returning(|_| Ok(()));
        attempts.expect_settle().returning(|_, _, _| Ok(()));
        attempts.expect_take_back().returning(|_, _| Ok(()));
        attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;
    use crate::ports::{MockAttempts, MockEvents};
    use mockall::Sequence;
    use time::macros::datetime;

    fn throttle(attempts: MockAttempts, events: MockEvents) -> Throttle {
        testing::throttle(attempts, Arc::new(events))
    }

    fn ada() -> Username {
        Username::parse("ada").unwrap()
    }

    fn stranger() -> Browser {
        Browser {
            address: Some([203, 0, 113, 7].into()),
            ..Browser::default()
        }
    }

    fn known() -> Browser {
        Browser {
            devices: vec![device()],
            ..stranger()
        }
    }

    const USER: UserId = UserId(uuid::Uuid::from_u128(1));

    fn device() -> Device {
        Device {
            id: DeviceId([7; 16]),
            user: USER,
            since: datetime!(2026-11-24 12:00 UTC),
        }
    }

    /// What is asked of the store, in this order, and what it answers.
    fn answering(claims: &[(Bucket, Claim)]) -> MockAttempts {
        let mut attempts = MockAttempts::new();
        let mut order = Sequence::new();
        for &(bucket, answer) in claims {
            attempts
                .expect_claim()
                .withf(move |asked, _, _| *asked == bucket)
                .once()
                .in_sequence(&mut order)
                .return_once(move |_, _, _| Ok(answer));
        }
        attempts
    }

    /// The same where a stranger guesses at Ada's.
    fn answering_both(attempts: &mut MockAttempts, answer: Claims) {
        attempts
            .expect_claim_both()
            .withf(|first, second, _| (first.0, second.0) == (address(), Bucket::account(&ada())))
            .once()
            .return_once(move |_, _, _| Ok(answer));
    }

    fn stranger_s(answer: Claims) -> MockAttempts {
        let mut attempts = MockAttempts::new();
        answering_both(&mut attempts, answer);
        attempts
    }

    fn noting(kind: EventKind, rule: &'static str) -> MockEvents {
        let mut events = MockEvents::new();
        events
            .expect_record()
            .withf(move |event| event.kind == kind && event.facts[0] == ("rule", rule.into()))
            .once()
            .return_const(());
        events
    }

    fn address() -> Bucket {
        Bucket::address([203, 0, 113, 7].into())
    }

    #[tokio::test]
    async fn a_stranger_is_counted_by_address_and_account() {
        let throttle = throttle(stranger_s(Claims::Granted(3)), MockEvents::new());
        let guess = throttle
            .admit(&ada(), Some(USER), &stranger())
            .await
            .unwrap();
        assert_eq!(guess.number, 3);
    }

    #[tokio::test]
    async fn a_known_browser_is_counted_by_itself_alone() {
        let device = Bucket::device(&device());
        let mut attempts = answering(&[(device, Claim::Granted(1))]);
        attempts
            .expect_clear()
            .withf(move |bucket| *bucket == device)
            .once()
            .return_once(|_| Ok(()));
        let throttle = throttle(attempts, MockEvents::new());
        let guess = throttle.admit(&ada(), Some(USER), &known()).await.unwrap();
        throttle.was_right(&guess).await;
    }

    #[tokio::test]
    async fn a_browser_is_known_to_an_account_and_for_a_time() {
        let long_ago = Device {
            since: datetime!(2026-11-25 12:00 UTC) - Device::KNOWN,
            ..device()
        };
        let browser = Browser {
            devices: vec![long_ago],
            ..stranger()
        };
        for (user, browser) in [
            (None, known()),
            (Some(UserId::new()), known()),
            (Some(USER), browser),
        ] {
            let throttle = throttle(stranger_s(Claims::Granted(1)), MockEvents::new());
            assert!(throttle.admit(&ada(), user, &browser).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_known_browser_waits_for_its_own_mistakes() {
        let device = Bucket::device(&device());
        let wait = Duration::from_secs(30);
        let attempts = answering(&[(device, Claim::Refused(Refusal::Wait(wait)))]);
        let throttle = throttle(attempts, noting(EventKind::LoginOverLimit, "browser"));
        let refused = throttle.admit(&ada(), Some(USER), &known()).await;
        assert!(matches!(refused, Err(Throttled::TooSoon(for_so_long)) if for_so_long == wait));
    }

    #[tokio::test]
    async fn a_browser_that_guessed_too_often_is_a_stranger_again() {
        let device = Bucket::device(&device());
        let mut attempts = answering(&[(device, Claim::Refused(Refusal::Off))]);
        answering_both(&mut attempts, Claims::Granted(1));
        let throttle = throttle(attempts, MockEvents::new());
        assert!(throttle.admit(&ada(), Some(USER), &known()).await.is_ok());
    }

    #[tokio::test]
    async fn the_hundredth_of_strangers_is_the_last_one_but_not_that_of_a_known_browser() {
        let device = Bucket::device(&device());
        for (browser, attempts, is_last) in [
            (stranger(), stranger_s(Claims::Granted(99)), false),
            (stranger(), stranger_s(Claims::Granted(100)), true),
            (known(), answering(&[(device, Claim::Granted(100))]), false),
        ] {
            let throttle = throttle(attempts, MockEvents::new());
            let guess = throttle.admit(&ada(), Some(USER), &browser).await.unwrap();
            assert_eq!(throttle.was_the_last(&guess), is_last);
        }
    }

    #[tokio::test]
    async fn who_refuses_is_noted_and_for_how_long_is_told() {
        let (wait, so_long) = (Refusal::Wait(Duration::from_mins(1)), "60 s");
        for (claims, rule, time) in [
            (Claims::First(wait), "address", so_long),
            (Claims::Second(wait), "account", so_long),
            (Claims::Second(Refusal::Off), "account", "for good"),
        ] {
            let mut events = MockEvents::new();
            events
                .expect_record()
                .withf(move |event| {
                    let facts = [("rule", rule.to_owned()), ("wait", time.to_owned())];
                    event.kind == EventKind::LoginOverLimit && event.facts == facts
                })
                .once()
                .return_const(());
            let throttle = throttle(stranger_s(claims), events);
            let refused = throttle
                .admit(&ada(), Some(USER), &stranger())
                .await
                .unwrap_err();
            let is_off = matches!(refused, Throttled::Off);
            assert_eq!(is_off, time == "for good", "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_right_guess_clears_the_account_and_relieves_the_address_of_itself() {
        let account = Bucket::account(&ada());
        let mut attempts = stranger_s(Claims::Granted(3));
        attempts
            .expect_settle()
            .withf(move |cleared, relieved, _| (*cleared, *relieved) == (account, address()))
            .once()
            .return_once(|_, _, _| Ok(()));
        let throttle = throttle(attempts, MockEvents::new());
        let guess = throttle
            .admit(&ada(), Some(USER), &stranger())
            .await
            .unwrap();
        throttle.was_right(&guess).await;
    }

    #[tokio::test]
    async fn what_cannot_be_counted_is_not_made() {
        let mut attempts = MockAttempts::new();
        attempts
            .expect_claim_both()
            .once()
            .return_once(|_, _, _| Err(Outage::during("counting an attempt")("gone")));
        let throttle = throttle(attempts, MockEvents::new());
        let refused = throttle.admit(&ada(), Some(USER), &stranger()).await;
        assert!(matches!(refused, Err(Throttled::Outage(_))));
    }

    #[tokio::test]
    async fn too_many_new_accounts_of_an_address_have_to_wait() {
        let bucket = Bucket::registration([203, 0, 113, 7].into());
        let attempts = answering(&[
            (bucket, Claim::Granted(5)),
            (
                bucket,
                Claim::Refused(Refusal::Wait(Duration::from_secs(30))),
            ),
        ]);
        let events = noting(EventKind::LimitExceeded, "registrations of an address");
        let throttle = throttle(attempts, events);
        assert!(throttle.permit(&stranger()).await.is_ok());
        let refused = throttle.permit(&stranger()).await;
        assert!(matches!(refused, Err(TooOften::Wait(_))));
    }

    /// Whatever a store says, it comes to an end.
    #[tokio::test]
    async fn a_wish_is_refused_for_a_time_and_never_for_good() {
        let bucket = Bucket::sender([203, 0, 113, 7].into());
        let attempts = answering(&[(bucket, Claim::Refused(Refusal::Off))]);
        let events = noting(EventKind::LimitExceeded, "mails of an address");
        let throttle = throttle(attempts, events);
        let refused = throttle.mail(Bucket::reset("ada"), &stranger()).await;
        let longest = throttle.limits.registration.longest_wait;
        assert!(matches!(refused, Err(TooOften::Wait(wait)) if wait == longest));
    }
}
