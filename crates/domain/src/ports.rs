//! What the acts need from the outside: one trait a need, and [`Outage`] for when it does not come.

use std::collections::BTreeMap;
use std::error::Error as _;

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    Bucket, Claim, Claims, Email, EmailAddress, Event, EventKind, Invitation, Letter, LetterId,
    Limit, Link, LinkId, Mail, Password, PasswordHash, Purpose, Session, SessionId, User, UserId,
    Username, Visit, Waiting,
};

/// The outside did not answer. Callers can only give up: nothing in here is about the visitor, so nothing in here is
/// shown to one.
#[derive(Debug, Error)]
#[error("{during} failed")]
pub struct Outage {
    during: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Outage {
    /// For `map_err`: `.map_err(Outage::during("finding a user"))`.
    pub fn during<E>(during: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self {
            during,
            source: source.into(),
        }
    }

    /// The outage with every cause under it, in one line: for a log or an operator, never for a visitor.
    pub fn chain(&self) -> String {
        let causes = std::iter::successors(self.source(), |e| (*e).source());
        let line = causes.fold(self.to_string(), |line, cause| {
            let cause = cause.to_string();
            // Some errors end with the words of their own cause.
            if line.ends_with(&cause) {
                line
            } else {
                format!("{line}: {cause}")
            }
        });
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Why [`Users::add`] kept nothing.
#[derive(Debug, Error)]
pub enum AddUserError {
    /// Another account has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// The store cannot be reached.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Passwords that attackers have, from leaks and lists, and so try first.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait KnownPasswords: Send + Sync {
    /// Whether `password` is one of them. It may take a read from a disk: not for an async thread.
    ///
    /// # Errors
    /// [`Outage`] when the list cannot be read: then nobody can say.
    fn contains(&self, password: &Password) -> Result<bool, Outage>;
}

/// Why [`Users::join`] kept nothing.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The invitation was used, ended, or never was.
    #[error("there is no such invitation")]
    NotInvited,
    /// Another account has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// The store cannot be reached.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// The accounts.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Users: Send + Sync {
    /// `None` when no account has this id.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn find(&self, id: UserId) -> Result<Option<User>, Outage>;

    /// `None` when no account has this username.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, Outage>;

    /// Keeps a new account. The username is claimed in the same step: of two calls racing for it, one gets
    /// [`AddUserError::UsernameTaken`]. Once this has answered, a crash no longer loses the account.
    ///
    /// # Errors
    /// [`AddUserError`].
    async fn add(&self, user: &User) -> Result<(), AddUserError>;

    /// The same, and uses an invitation up for it, in one step: of any number who come with one, one gets an account. It
    /// stays good where the username is taken.
    ///
    /// # Errors
    /// [`JoinError`].
    async fn join(&self, user: &User, invitation: LinkId) -> Result<(), JoinError>;

    /// Makes `visit` the last login, and what was the last login the one before. The answer is the account as it is then,
    /// none when it is gone: whatever was changed before this was called is seen.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn record_login(&self, id: UserId, visit: &Visit) -> Result<Option<User>, Outage>;

    /// Replaces the hash `old` by `new`. Nothing happens when the account no longer has `old`, so that a rehash never
    /// undoes a change of password that came in between; then the answer is `false`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn replace_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, Outage>;

    /// Makes `new` the password's hash where it still is `old`, which may be none, and puts letters that tell of it into the
    /// [`Outbox`], in one step; otherwise does nothing and answers `false`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn change_password(
        &self,
        id: UserId,
        old: Option<PasswordHash>,
        new: &PasswordHash,
        letters: &[Letter],
    ) -> Result<bool, Outage>;

    /// Gives an account another name, which is claimed in the same step, and puts letters that tell of it into the [`Outbox`].
    /// Nothing happens when the account is gone.
    ///
    /// # Errors
    /// [`AddUserError`]; then no letter is put either. Reserved at `at` is taken.
    async fn rename(
        &self,
        id: UserId,
        new: &Username,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), AddUserError>;

    /// Takes the password away: no other is right either, until its owner has [reset](crate::ResetPassword) it. Nothing
    /// happens when the account is gone.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn forget_password(&self, id: UserId) -> Result<(), Outage>;

    /// Keeps the owner of an account out since `disabled`, or lets them in again. Nothing happens when the account is gone;
    /// then the answer is `false`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn set_disabled(
        &self,
        id: UserId,
        disabled: Option<OffsetDateTime>,
    ) -> Result<bool, Outage>;

    /// Says when an account goes, or that it stays, and puts letters that tell of it into the [`Outbox`], in one step. Nothing
    /// happens when the account is gone; then the answer is `false`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn set_leaving(
        &self,
        id: UserId,
        leaves: Option<OffsetDateTime>,
        letters: &[Letter],
    ) -> Result<bool, Outage>;

    /// Accounts whose time to go has come by `now`, `most` of them at most.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn leaving(&self, now: OffsetDateTime, most: u64) -> Result<Vec<User>, Outage>;

    /// Takes an account away with all that is kept of it, unless it was to go and is to stay by now. Nobody gets its name before
    /// `reserved`. Of what happened to it stays that it happened, and when, but not to whom, from where, or how; the answer is
    /// of how many events that was so, which an event of `at` tells as well. `None`: there was no such account.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn remove(
        &self,
        user: &User,
        at: OffsetDateTime,
        reserved: OffsetDateTime,
    ) -> Result<Option<u64>, Outage>;

    /// Empties events of accounts that were removed since, which were noted a moment too late to be emptied with the others;
    /// the answer is of how many that was so, which an event of `at` tells as well.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn empty_again(&self, since: OffsetDateTime, at: OffsetDateTime) -> Result<u64, Outage>;

    /// The accounts in the order of their names, from behind `after` on, `most` of them at most.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn list(&self, after: Option<Username>, most: u64) -> Result<Vec<User>, Outage>;
}

/// Why [`Emails::add`] kept nothing.
#[derive(Debug, Error)]
pub enum AddEmailError {
    /// The account has this address.
    #[error("the account has this address")]
    There,
    /// The account has as many as it may.
    #[error("the account has two addresses")]
    TooMany,
    /// The store cannot be reached.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Why [`Emails::verify`] and [`Emails::restore`] left an address what it was.
#[derive(Debug, Error)]
pub enum VerifyEmailError {
    /// The account does not have it.
    #[error("the account does not have this address")]
    NotThere,
    /// It is another account's, which has shown it first.
    #[error("the address is another account's")]
    Taken,
    /// The store cannot be reached.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// The e-mail addresses of accounts: [`Email::MOST`] each. An address counts for one account alone, once that has shown that
/// it reads its mail; until then any number may claim it. Capitals make no other address.
///
/// Letters go into the [`Outbox`] in the step that they tell of.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Emails: Send + Sync {
    /// Those of an account, the oldest first.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn of(&self, user: UserId) -> Result<Vec<Email>, Outage>;

    /// Whose verified address this is.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn owner(&self, address: &EmailAddress) -> Result<Option<UserId>, Outage>;

    /// Keeps an address, unverified.
    ///
    /// # Errors
    /// [`AddEmailError`]; then no letter is put either.
    async fn add(
        &self,
        user: UserId,
        address: &EmailAddress,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), AddEmailError>;

    /// Notes that an address is its owner's. Once is enough: the second time nothing happens, and nothing is put.
    ///
    /// # Errors
    /// [`VerifyEmailError`]; then no letter is put either.
    async fn verify(
        &self,
        user: UserId,
        address: &EmailAddress,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), VerifyEmailError>;

    /// Takes an address away; `false`: it was not there.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn remove(
        &self,
        user: UserId,
        address: &EmailAddress,
        letters: &[Letter],
    ) -> Result<bool, Outage>;

    /// Makes `address` a verified one of the account, as one that has been there since `since`, and takes those away that came
    /// later.
    ///
    /// # Errors
    /// [`VerifyEmailError::Taken`], [`VerifyEmailError::Outage`]; then no letter is put either.
    async fn restore(
        &self,
        user: UserId,
        address: &EmailAddress,
        since: OffsetDateTime,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), VerifyEmailError>;
}

/// The links that were sent. What is stored opens nothing: a [`LinkId`] is the digest of the token in the mail.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Links: Send + Sync {
    /// Keeps a link. One that resets the password ends the account's others for that.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn add(&self, id: LinkId, link: &Link) -> Result<(), Outage>;

    /// `None` when there is no such link, or it was taken. One that has expired may still be there.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn find(&self, id: LinkId) -> Result<Option<Link>, Outage>;

    /// Takes a link: of any number who want it at once, one gets `true`.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn take(&self, id: LinkId) -> Result<bool, Outage>;

    /// Ends an account's links for a purpose.
    ///
    /// # Errors
    /// [`Outage`] when any of them may still be there.
    async fn end(&self, user: UserId, purpose: Purpose) -> Result<(), Outage>;
}

/// The invitations that are good for an account each. What is stored invites nobody: a [`LinkId`] is the digest of the token
/// in the link. [`Users::join`] uses one up.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Keeps an invitation.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn add(&self, id: LinkId, invitation: &Invitation) -> Result<(), Outage>;

    /// `None` when there is none, or it was used. One that has expired may still be there.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn find(&self, id: LinkId) -> Result<Option<Invitation>, Outage>;

    /// All of them, the oldest first; those that have expired may still be among them.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn list(&self) -> Result<Vec<(LinkId, Invitation)>, Outage>;

    /// Ends one before it was used; `false`: it was not there.
    ///
    /// # Errors
    /// [`Outage`] when it may still be there.
    async fn end(&self, id: LinkId) -> Result<bool, Outage>;
}

/// Something that is kept for a time only.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Expiring: Send + Sync {
    /// What it is, in the plural, for a log.
    fn name(&self) -> &'static str;

    /// Forgets what is too old at `now`, so little at a time that nobody waits for it. The answer is how many there were; 0
    /// when nothing is left to forget.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage>;
}

/// Whose turn it is to do what one instance at a time does. An adapter stands for the instance that it is part of.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Turns: Send + Sync {
    /// Whether this instance has the turn at `now`. It has it until `until`, and longer when it asks again before.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn take(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<bool, Outage>;
}

/// What is to be sent, until it was. A crash loses none of it.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Puts one in, to be sent at once. It takes the place of one with its name.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn put(&self, waiting: &Waiting) -> Result<(), Outage>;

    /// One that is due at `now`, the longest due first, and how often it was taken before. Until `until` no other call, at no
    /// instance, gets it.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn take(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<(Waiting, u32)>, Outage>;

    /// Takes one out that was sent, or never will be.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn remove(&self, id: LetterId) -> Result<(), Outage>;

    /// Leaves one until later.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn put_off(&self, id: LetterId, until: OffsetDateTime) -> Result<(), Outage>;
}

/// Why a letter did not go.
#[derive(Debug, Error)]
pub enum SendError {
    /// Whoever should take it does not now.
    #[error(transparent)]
    NotNow(Outage),
    /// Whoever should take it never will.
    #[error(transparent)]
    Never(Outage),
}

/// What carries letters.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a letter over. Once this has answered, somebody else sees to it.
    ///
    /// # Errors
    /// [`SendError`].
    async fn send(&self, mail: &Mail) -> Result<(), SendError>;
}

/// The running sessions. What is stored signs nobody in: a [`SessionId`] is the digest of the token that the browser
/// holds.
///
/// Stores keep sessions as they are given; whether one is still live is decided by [`Resume`](crate::Resume).
///
/// What has ended stays ended: once [`end`](Self::end) or [`end_all`](Self::end_all) has answered, no session that it was
/// about is ever found again, at any instance, whatever is started, extended or looked for at the same time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a new session.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage>;

    /// `None` when there is no such session, or it was ended. One that has expired may still be there.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage>;

    /// Notes a use at `seen`, and moves the expiry; both later, never earlier. An ended session stays ended.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn extend(
        &self,
        id: SessionId,
        seen: OffsetDateTime,
        expires: OffsetDateTime,
    ) -> Result<(), Outage>;

    /// The sessions of a user, in no order. Those that have expired may still be among them.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>, Outage>;

    /// Ends a session. Ending one that is not there is no error.
    ///
    /// # Errors
    /// [`Outage`] when the session may still be running.
    async fn end(&self, id: SessionId) -> Result<(), Outage>;

    /// Ends every session of this user that has started. One that starts meanwhile is ended, or it starts afterwards and
    /// stays: a sign-in looks at its proof once more when its session has started, so that none outlives what ended the
    /// others.
    ///
    /// # Errors
    /// [`Outage`] when any of the sessions may still be running.
    async fn end_all(&self, user: UserId) -> Result<(), Outage>;

    /// The same, but for one session, which stays what it is, if it is one.
    ///
    /// # Errors
    /// [`Outage`] when any of the others may still be running.
    async fn end_others(&self, keep: SessionId) -> Result<(), Outage>;
}

/// Password hashing. Slow on purpose: one call costs tens of milliseconds of CPU, spent off the async threads.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Passwords: Send + Sync {
    /// A hash with a salt of its own, at the configured cost, as a PHC string.
    ///
    /// # Errors
    /// [`Outage`] when too many hashes are waiting already, or the worker died.
    async fn hash(&self, password: Password) -> Result<PasswordHash, Outage>;

    /// Whether `password` made `hash`. With no hash the answer is `false`, reached after the work of a hash at the
    /// configured cost, so that a stranger and a wrong password take equally long. A hash of another cost or another kind
    /// takes as long as it asks for.
    ///
    /// # Errors
    /// [`Outage`] when `hash` cannot be read, when too many hashes are waiting already, or the worker died.
    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Outage>;

    /// Whether [`verify`](Self::verify) could read `hash`: it is of a kind that is known here, at a cost that is bearable.
    /// Costs nothing.
    fn knows(&self, hash: &PasswordHash) -> bool;

    /// Whether `hash` was made at the cost that is configured now. Costs nothing.
    fn is_current(&self, hash: &PasswordHash) -> bool;
}

/// Attempts that may be a stranger's, counted before they are made, so that none slips through beside another.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Counts an attempt at `now`, if `limit` allows one. Of any number that ask at once, at every instance, each sees the
    /// others counted. With [`Claim::Granted`] the wait of the next one begins; what is not granted is not counted.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached: then no attempt is to be made.
    async fn claim(
        &self,
        bucket: Bucket,
        limit: &Limit,
        now: OffsetDateTime,
    ) -> Result<Claim, Outage>;

    /// Counts one attempt in two buckets, each by its own limit, if both allow it: what one of them refuses does not count
    /// against the other.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached; then it may have been counted in the first.
    async fn claim_both(
        &self,
        first: (Bucket, Limit),
        second: (Bucket, Limit),
        now: OffsetDateTime,
    ) -> Result<Claims, Outage>;

    /// Takes one granted attempt back, as if it had not been made: the wait that it began is over. Where attempts have to
    /// wait they come one by one, so that the wait is its own.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn take_back(&self, bucket: Bucket, limit: &Limit) -> Result<(), Outage>;

    /// Forgets all attempts of a bucket, also when it was off.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn clear(&self, bucket: Bucket) -> Result<(), Outage>;

    /// [Clears](Self::clear) one bucket and [takes back](Self::take_back) an attempt of another, which `limit` is about: what
    /// every right guess does, in one step where the store can.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached; then either may have been done.
    async fn settle(&self, cleared: Bucket, relieved: Bucket, limit: &Limit) -> Result<(), Outage>;
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the chain.
    pub seq: i64,
    /// When it happened.
    pub at: OffsetDateTime,
    /// The name of its kind.
    pub kind: String,
    /// Whose account it was about.
    pub user: Option<UserId>,
    /// The client's address.
    pub address: Option<String>,
    /// What explains it, by name.
    pub facts: BTreeMap<String, String>,
}

/// What happened to accounts, as far as it is kept.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait History: Send + Sync {
    /// The events of these kinds that were about an account, the newest first, from behind the place `before` on, `most` of
    /// them at most.
    ///
    /// # Errors
    /// [`Outage`] when the store cannot be reached.
    async fn of(
        &self,
        user: UserId,
        kinds: &[EventKind],
        before: Option<i64>,
        most: u64,
    ) -> Result<Vec<Kept>, Outage>;
}

/// What matters to security, noted.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Events: Send + Sync {
    /// Notes an event: into the log at once, and into what is kept as soon as may be. Nobody waits for it, and it never
    /// fails: what cannot be kept is in the log all the same.
    fn record(&self, event: Event);
}

/// The time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// Now, in UTC, cut to the whole second: nothing here needs it finer, and every store keeps a second exactly.
    fn now(&self) -> OffsetDateTime;
}

/// Something that has to answer before visitors can be served: a database, a session store.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Backend: Send + Sync {
    /// Answers when the backend does.
    ///
    /// # Errors
    /// [`Outage`] when it does not.
    async fn ping(&self) -> Result<(), Outage>;
}
