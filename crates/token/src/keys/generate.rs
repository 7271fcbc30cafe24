//! New keys.

use std::fmt;

use pasetors::keys::{AsymmetricKeyPair, Generate as _, SymmetricKey};
use pasetors::version4::V4;
use zeroize::Zeroizing;

use super::paserk;
use crate::KeyError;

/// A whole platform's keys, as PASERK strings. `Debug` prints the public one alone.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySet {
    /// Signs access and service tokens: `k4.secret.…`.
    pub access_secret: String,
    /// Verifies what `access_secret` signed: `k4.public.…`.
    pub access_public: String,
    /// Seals refresh tokens: `k4.local.…`.
    pub refresh: String,
    /// Seals what crosses the bus: `k4.local.…`.
    pub bus: String,
    /// Encrypts the session keys that are stored: `k4.local.…`.
    pub session: String,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("access_public", &self.access_public)
            .finish_non_exhaustive()
    }
}

/// Makes a new set of keys from the operating system's randomness.
///
/// # Errors
/// [`KeyError::Random`] when the operating system gives no random bytes.
pub fn generate() -> Result<KeySet, KeyError> {
    let refresh = symmetric()?;
    let bus = symmetric()?;
    let session = symmetric()?;
    let access = AsymmetricKeyPair::<V4>::generate().map_err(|_| KeyError::Random)?;
    Ok(KeySet {
        access_secret: paserk(&access.secret),
        access_public: paserk(&access.public),
        refresh,
        bus,
        session,
    })
}

fn symmetric() -> Result<String, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Random)?;
    let key = SymmetricKey::<V4>::from(bytes.as_slice()).map_err(|_| KeyError::Random)?;
    Ok(paserk(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn generated_keys_can_be_read_and_belong_together() {
        let set = generate().unwrap();
        let secret = keys::secret(&set.access_secret).unwrap();
        assert_eq!(paserk(&keys::public_of(&secret)), set.access_public);
        keys::public(&set.access_public).unwrap();
        keys::local(&set.refresh).unwrap();
        keys::local(&set.bus).unwrap();
        keys::local(&set.session).unwrap();
    }

    #[test]
    fn no_two_keys_are_equal() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.access_secret, other.access_secret);
        assert_ne!(one.refresh, other.refresh);
        assert_ne!(one.refresh, one.bus);
    }

    #[test]
    fn debug_prints_no_secret() {
        let set = generate().unwrap();
        let printed = format!("{set:?}");
        for secret in [&set.access_secret, &set.refresh, &set.bus, &set.session] {
            assert!(!printed.contains(secret.as_str()));
        }
    }
}
