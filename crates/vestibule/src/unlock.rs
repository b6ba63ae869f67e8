//! Making an account's password count again after too many wrong ones.

use vestibule_domain::Username;

use crate::Config;
use crate::admin::{AdminFailed, Office};

/// Forgets the wrong passwords for the account of this name, so that browsers that it does not know may try again.
/// Instances that run meanwhile see it at once.
///
/// # Errors
/// [`AdminFailed`]; then nothing was changed.
pub async fn unlock(config: &Config, name: &str) -> Result<Username, AdminFailed> {
    // A name that nobody can have needs no store.
    Username::parse(name)?;
    let office = Office::open(config).await?;
    let user = office.find(name).await?;
    let throttle = &office.administer.throttle;
    throttle.unlock(&user.username, user.id).await?;
    office.close().await;
    Ok(user.username)
}
