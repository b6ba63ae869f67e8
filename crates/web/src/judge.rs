use std::sync::Arc;

use rocket::tokio::sync::Semaphore;
use rocket::tokio::task;
use vestibule_domain::{
    NewPassword, Outage, Password, PasswordPolicy, Permit, Username, WeakPassword,
};

/// The policy for new passwords, asked off the async threads, since its answer takes time.
pub struct Judge {
    policy: Arc<PasswordPolicy>,
    waiting: Semaphore,
}

/// How many may wait to be judged: some seconds' work if each of them sends the worst there is.
const WAITING: usize = 64;

impl Judge {
    /// A judge who goes by `policy`.
    pub fn new(policy: PasswordPolicy) -> Self {
        Self {
            policy: Arc::new(policy),
            waiting: Semaphore::new(WAITING),
        }
    }

    pub(crate) fn min_length(&self) -> usize {
        self.policy.min_length
    }

    pub(crate) fn check_length(&self, password: &Password) -> Result<(), WeakPassword> {
        self.policy.check_length(password)
    }

    /// Lets `password` pass, or says why not. It costs work, and so wants a permit.
    ///
    /// # Errors
    /// [`Outage`] when too many are waiting already.
    pub(crate) async fn check(
        &self,
        _permit: &Permit,
        password: Password,
        username: &Username,
    ) -> Result<Result<NewPassword, WeakPassword>, Outage> {
        const DURING: &str = "judging a password";
        let _place = self.waiting.try_acquire().map_err(Outage::during(DURING))?;
        let (policy, username) = (Arc::clone(&self.policy), username.clone());
        task::spawn_blocking(move || policy.check(password, &username))
            .await
            .map_err(Outage::during(DURING))
    }
}
