//! The text of a hash, in the PHC string format.

use argon2::Params;
use argon2::Version;
use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use thiserror::Error;
use vestibule_domain::PasswordHash;

use crate::{Cost, TAG_BYTES};

/// The most that a stored hash may ask for: what the config may be set to. A row that says more was not written here.
pub(crate) const MOST: Cost = Cost {
    memory_kib: 4 * 1024 * 1024,
    iterations: 64,
    parallelism: 64,
};

/// What verifying needs of a PHC string.
pub(crate) struct Stored {
    pub(crate) params: Params,
    pub(crate) salt: Vec<u8>,
    pub(crate) tag: Output,
}

#[derive(Debug, Error)]
#[error("neither an Argon2id hash with a tag of {TAG_BYTES} bytes, nor one of Werkzeug's")]
pub(crate) struct NotOurs;

impl Stored {
    pub(crate) fn read(hash: &PasswordHash) -> Result<Self, NotOurs> {
        let phc = phc::PasswordHash::new(hash.as_str()).map_err(|_| NotOurs)?;
        let params = Params::try_from(&phc).map_err(|_| NotOurs)?;
        match (phc.salt, phc.hash) {
            (Some(salt), Some(tag))
                if phc.algorithm == argon2::ARGON2ID_IDENT
                    && params.m_cost() <= MOST.memory_kib
                    && params.t_cost() <= MOST.iterations
                    && params.p_cost() <= MOST.parallelism
                    && phc.version == Some(Version::V0x13.into())
                    && tag.len() == TAG_BYTES =>
            {
                Ok(Self {
                    params,
                    salt: salt.to_vec(),
                    tag,
                })
            }
            _ => Err(NotOurs),
        }
    }
}

pub(crate) fn write(params: &Params, salt: &[u8], tag: &[u8]) -> Result<PasswordHash, phc::Error> {
    let phc = phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| phc::Error::ParamValueInvalid)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(tag)?),
    };
    Ok(PasswordHash::new(phc.to_string()))
}
