//! Passwords: which are taken, and how they are kept.

use std::fmt;

use sea_orm::DeriveValueType;

mod argon;
mod hasher;
pub mod policy;
mod workers;

pub use argon::{Cost, CostError, SCHEME, StoredHashError};
pub use hasher::{DEFAULT_LONGEST_WAIT, Hasher, HasherError, HasherSettings, Verdict};

/// A stored hash, as a PHC string. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}
