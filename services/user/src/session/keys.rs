//! The key of a session, the secrets made from it, and how it is stored.
//!
//! A session key is stored encrypted (XChaCha20-Poly1305, bound to the session's id): with the
//! database alone nobody can make a refresh token.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use super::WrappedKey;

/// The form of a stored key: this byte, 4 bytes that name the wrapping key, the nonce, and the
/// encrypted key with its tag.
const FORM: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// What all keys are written with: PASERK's type for a symmetric key of version 4.
const PREFIX: &str = "k4.local.";

/// The key of one session.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; 32]>);

/// The keys that session keys are encrypted with: the first encrypts, all decrypt. Written as
/// PASERK `k4.local.…`, with white space or commas between.
#[derive(Clone)]
pub struct WrappingKeys(Vec<WrappingKey>);

#[derive(Clone)]
struct WrappingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// The keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WrappingKeyError {
    /// There is none.
    #[error("expected one key or more, each k4.local.… with 32 bytes in Base64")]
    None,
    /// One cannot be read.
    #[error("key {0} is not k4.local.… with 32 bytes in Base64")]
    Malformed(usize),
    /// One is all zeros: a placeholder, which everybody knows.
    #[error("key {0} is all zeros; generate one")]
    Zero(usize),
}

/// A stored session key cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnwrapError {
    /// It has another form.
    #[error("the stored session key has an unknown form")]
    Form,
    /// It was encrypted with a key that is not among the keys any more.
    #[error("the stored session key is encrypted with a key that is not set (SESSION_KEYS)")]
    UnknownKey,
    /// It was changed, or belongs to another session.
    #[error("the stored session key is not authentic")]
    NotAuthentic,
}

// === impl SessionKey ===

impl SessionKey {
    /// A key of random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// The secret of a generation: HMAC-SHA256 of its number in 8 bytes, big-endian.
    #[must_use]
    pub fn secret(&self, generation: u64) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.0[..])
            .expect("HMAC takes a key of any length");
        mac.update(&generation.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether `secret` is that of `generation`, in a time that tells nothing of it.
    #[must_use]
    pub fn is_secret(&self, generation: u64, secret: &[u8]) -> bool {
        self.secret(generation).ct_eq(secret).into()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey([redacted])")
    }
}

// === impl WrappingKeys ===

impl WrappingKeys {
    /// Keys from their bytes, the encrypting one first.
    ///
    /// # Errors
    /// There is none.
    pub fn new(keys: &[[u8; 32]]) -> Result<Self, WrappingKeyError> {
        if keys.is_empty() {
            return Err(WrappingKeyError::None);
        }
        Ok(Self(keys.iter().map(WrappingKey::new).collect()))
    }

    /// Encrypts the key of a session.
    #[must_use]
    pub fn wrap(&self, session: Uuid, key: &SessionKey, nonce: [u8; NONCE_BYTES]) -> WrappedKey {
        let wrapping = self.0.first().expect("there is one, as `new` has checked");
        let payload = Payload {
            msg: &key.0[..],
            aad: session.as_bytes(),
        };
        let encrypted = wrapping
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("32 bytes are no more than the cipher takes");
        let parts: [&[u8]; 4] = [&[FORM], &wrapping.id, &nonce, &encrypted];
        WrappedKey(parts.concat())
    }

    /// Decrypts the key of a session.
    ///
    /// # Errors
    /// It was not encrypted for this session with one of these keys.
    pub fn unwrap(&self, session: Uuid, wrapped: &WrappedKey) -> Result<SessionKey, UnwrapError> {
        let rest = wrapped.0.strip_prefix(&[FORM]).ok_or(UnwrapError::Form)?;
        let (id, rest) = rest
            .split_first_chunk::<KEY_ID_BYTES>()
            .ok_or(UnwrapError::Form)?;
        let (nonce, encrypted) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(UnwrapError::Form)?;
        let wrapping = self
            .0
            .iter()
            .find(|key| key.id == *id)
            .ok_or(UnwrapError::UnknownKey)?;
        let payload = Payload {
            msg: encrypted,
            aad: session.as_bytes(),
        };
        let mut key = wrapping
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| UnwrapError::NotAuthentic)?;
        let unwrapped = <[u8; 32]>::try_from(key.as_slice()).map(SessionKey::new);
        key.zeroize();
        unwrapped.map_err(|_| UnwrapError::Form)
    }
}

impl WrappingKey {
    fn new(key: &[u8; 32]) -> Self {
        // Names the key without telling it. A collision of two keys that an operator set is one in
        // four thousand million, and shows as a session that has to sign in again.
        let digest: [u8; 32] = Sha256::new()
            .chain_update(b"trolleybus session key id")
            .chain_update(key)
            .finalize()
            .into();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(key.into()),
        }
    }
}

impl FromStr for WrappingKeys {
    type Err = WrappingKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut keys = Vec::new();
        let separators = |c: char| c == ',' || c.is_whitespace();
        let written = text.split(separators).filter(|written| !written.is_empty());
        for (number, written) in written.enumerate() {
            let malformed = || WrappingKeyError::Malformed(number + 1);
            let encoded = written.strip_prefix(PREFIX).ok_or_else(malformed)?;
            let mut bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed())?;
            let mut key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| malformed())?;
            if key == [0; 32] {
                return Err(WrappingKeyError::Zero(number + 1));
            }
            keys.push(WrappingKey::new(&key));
            bytes.zeroize();
            key.zeroize();
        }
        if keys.is_empty() {
            Err(WrappingKeyError::None)
        } else {
            Ok(Self(keys))
        }
    }
}

impl fmt::Debug for WrappingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WrappingKeys")
            .field(&format_args!("{} keys", self.0.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_secret_is_the_mac_of_its_generation() {
        // Computed with Python: hmac.new(bytes(32), (1).to_bytes(8, "big"), "sha256").
        let key = SessionKey::new([0; 32]);
        let hex: String = key
            .secret(1)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "a4a11ce5fbe8f96bf3028035286c2c9274cd4259cbc224e37a73d971923903d3"
        );
        assert!(key.is_secret(1, &key.secret(1)));
        assert!(!key.is_secret(2, &key.secret(1)));
        assert!(!key.is_secret(1, &key.secret(1)[..31]) && !key.is_secret(1, b""));
    }

    #[test]
    fn a_wrapped_key_opens_for_its_session_alone() {
        let keys = WrappingKeys::new(&[[1; 32]]).unwrap();
        let wrapped = keys.wrap(ID, &SessionKey::new([9; 32]), [3; 24]);
        assert_eq!(keys.unwrap(ID, &wrapped).unwrap().0[..], [9; 32]);
        let other = keys.unwrap(Uuid::from_u128(2), &wrapped).unwrap_err();
        assert_eq!(other, UnwrapError::NotAuthentic);
        assert!(!wrapped.0.windows(8).any(|window| window == [9; 8]));
    }

    #[test]
    fn keys_rotate_without_ending_sessions() {
        let old = WrappingKeys::new(&[[1; 32]]).unwrap();
        let wrapped = old.wrap(ID, &SessionKey::new([9; 32]), [3; 24]);
        let both = WrappingKeys::new(&[[2; 32], [1; 32]]).unwrap();
        assert_eq!(both.unwrap(ID, &wrapped).unwrap().0[..], [9; 32]);
        let new = WrappingKeys::new(&[[2; 32]]).unwrap();
        assert_eq!(
            new.unwrap(ID, &wrapped).unwrap_err(),
            UnwrapError::UnknownKey
        );
    }

    #[test]
    fn stored_bytes_that_were_changed_are_refused() {
        let keys = WrappingKeys::new(&[[1; 32]]).unwrap();
        let wrapped = keys.wrap(ID, &SessionKey::new([9; 32]), [3; 24]);
        for at in 0..wrapped.0.len() {
            let mut changed = wrapped.clone();
            changed.0[at] ^= 1;
            assert!(keys.unwrap(ID, &changed).is_err(), "byte {at}");
            let cut = WrappedKey(wrapped.0[..at].to_vec());
            assert!(keys.unwrap(ID, &cut).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn keys_are_read_as_paserk() {
        let key = |byte: u8| format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([byte; 32]));
        let keys: WrappingKeys = format!("{}, {}\n{}", key(1), key(2), key(3))
            .parse()
            .unwrap();
        assert_eq!(format!("{keys:?}"), "WrappingKeys(3 keys)");
        for (text, error) in [
            ("".to_owned(), WrappingKeyError::None),
            (" , ".to_owned(), WrappingKeyError::None),
            ("k4.secret.AAAA".to_owned(), WrappingKeyError::Malformed(1)),
            (format!("{},{}", key(1), key(0)), WrappingKeyError::Zero(2)),
            (
                format!("{} {PREFIX}AAAA", key(1)),
                WrappingKeyError::Malformed(2),
            ),
        ] {
            assert_eq!(text.parse::<WrappingKeys>().unwrap_err(), error, "{text}");
        }
    }
}
