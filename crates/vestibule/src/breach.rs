//! Making the operator's own list of known passwords.

use std::path::{Path, PathBuf};

use thiserror::Error;
use vestibule_breach::{BuildError, Built};

use crate::Config;

/// Why there is no new breach file.
#[derive(Debug, Error)]
pub enum BreachBuildFailed {
    /// Neither the command line nor the config says where to.
    #[error("neither --output nor passwords.breach_file says where the file is to be")]
    NoOutput,
    /// The list is no good, or the file cannot be written.
    #[error("{}: {why}", .list.display())]
    Build {
        /// The list.
        list: PathBuf,
        /// Why.
        why: BuildError,
    },
}

/// Makes a breach file of `list`, at `output` or where the config wants it. `progress` is told how much of how much is done.
///
/// # Errors
/// [`BreachBuildFailed`]; what was there stays.
pub fn build(
    config: &Config,
    list: &Path,
    output: Option<&Path>,
    progress: &dyn Fn(u64, u64),
) -> Result<(PathBuf, Built), BreachBuildFailed> {
    let output = output.or(config.passwords.breach_file.as_deref());
    let output = output.ok_or(BreachBuildFailed::NoOutput)?;
    let built = vestibule_breach::build(list, output, progress);
    let failed = |why| BreachBuildFailed::Build {
        list: list.to_owned(),
        why,
    };
    Ok((output.to_owned(), built.map_err(failed)?))
}
