use std::time::Duration;

use time::OffsetDateTime;

use crate::LinkId;

/// Leave to make one account, where strangers get none: whoever has its link chooses the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// When it was made.
    pub since: OffsetDateTime,
    /// When it is worth nothing any more.
    pub expires: OffsetDateTime,
}

impl Invitation {
    /// How long one is good, unless its maker says otherwise.
    pub const LASTS: Duration = Duration::from_hours(7 * 24);
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Registration {
    /// Every visitor.
    #[default]
    Open,
    /// Whoever has an [`Invitation`].
    Invited,
    /// Nobody.
    Closed,
}

/// Leave to make an account: [`Register::admit`](crate::Register::admit) alone gives it.
#[derive(Debug)]
pub struct Admission {
    /// The invitation that is used up by it; `None` where none is needed.
    pub(crate) invitation: Option<LinkId>,
}

impl Admission {
    /// Whether its bearer was invited.
    pub fn is_by_invitation(&self) -> bool {
        self.invitation.is_some()
    }
}
