//! What a visitor can do, and what that needs from the outside.
//!
//! Nouns are checked on their way in ([`Username`], [`Password`], [`SessionToken`]); acts hold every rule, in the order
//! in which it happens ([`Login`], [`Register`], [`Logout`], [`Resume`], [`Import`]); [`ports`] say what adapters must
//! promise, and `contract` (feature `testing`) proves that they do.

#[cfg(feature = "testing")]
pub mod contract;
pub mod ports;

mod administer;
mod attempt;
mod change_password;
mod change_username;
mod clean_up;
mod disown;
mod email;
mod event;
mod export;
mod import;
mod invitation;
mod leave;
mod letter;
mod link;
mod login;
mod logout;
mod notices;
mod own_emails;
mod own_sessions;
mod password;
mod policy;
mod ready;
mod register;
mod reset_password;
mod resume;
mod send_mail;
mod session;
mod sign_in;
mod throttle;
mod user;
mod username;

pub use administer::{Account, Administer, NotInvited, WayIn};
pub use attempt::{
    Bucket, Claim, Claims, Device, DeviceId, Limit, Refusal, claim_one_by_one, network,
};
pub use change_password::{ChangePassword, ChangePasswordError, Proven};
pub use change_username::{ChangeUsername, ChangeUsernameError};
pub use clean_up::{CleanUp, Cleaned};
pub use disown::{Disown, DisownError};
pub use email::{Email, EmailAddress, NotAnEmailAddress};
pub use event::{Event, EventKind, RequestId};
pub use export::{Everything, Export};
pub use import::{Import, ImportError, Imported};
pub use invitation::{Admission, Invitation, Registration};
pub use leave::{Leave, LeaveError};
pub use letter::{Letter, LetterId, LetterKind, Mail, Waiting};
pub use link::{Link, LinkId, LinkToken, Purpose};
pub use login::{Login, LoginError};
pub use logout::Logout;
pub use notices::Notices;
pub use own_emails::{EmailRule, NotAdded, NotVerified, OwnEmails};
pub use own_sessions::OwnSessions;
pub use password::{NotAPassword, Password, PasswordHash};
pub use policy::{NewPassword, PasswordPolicy, WeakPassword};
pub use ports::{Kept, Outage};
pub use ready::Ready;
pub use register::{Register, RegisterError, Registered};
pub use reset_password::{ResetError, ResetPassword};
pub use resume::Resume;
pub use send_mail::SendMail;
pub use session::{Secret, Session, SessionId, SessionLimits, SessionToken};
pub use sign_in::{Browser, NewSession, SignIn};
pub use throttle::{Permit, Throttle, ThrottleLimits, Throttled};
pub use user::{User, UserId, Visit};
pub use username::{NotAUsername, Username};
