//! Keys as PASERK strings, and the footers that name them.

pub(crate) mod generate;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;
use zeroize::Zeroizing;

use crate::KeyError;

/// What a secret key starts with.
pub(crate) const SECRET: &str = "k4.secret.";
/// What a public key starts with.
pub(crate) const PUBLIC: &str = "k4.public.";
/// What a symmetric key starts with.
pub(crate) const LOCAL: &str = "k4.local.";

/// Bytes of an Ed25519 seed, of a public key and of a symmetric key alike.
const HALF: usize = 32;

/// A key with the footer that names it.
pub(crate) struct Named<K> {
    pub(crate) key: K,
    /// `k4.pid.…` or `k4.lid.…`.
    pub(crate) id: String,
    /// The footer's bytes: `{"kid":"…"}`.
    pub(crate) footer: Vec<u8>,
    /// The footer as it stands in a token. Base64url has one spelling for given bytes, so
    /// comparing this form compares the bytes.
    pub(crate) footer_part: String,
}

impl<K> Named<K>
where
    for<'a> Id: From<&'a K>,
{
    pub(crate) fn new(key: K) -> Self {
        let id = paserk(&Id::from(&key));
        // An identifier is base64url and dots: nothing in it needs escaping.
        let footer = format!(r#"{{"kid":"{id}"}}"#).into_bytes();
        let footer_part = BASE64_URL_SAFE_NO_PAD.encode(&footer);
        Self {
            key,
            id,
            footer,
            footer_part,
        }
    }
}

/// `key` as a PASERK string.
pub(crate) fn paserk(key: &impl FormatAsPaserk) -> String {
    let mut text = String::new();
    key.fmt(&mut text).expect("writing to a string cannot fail");
    text
}

/// Splits a comma-separated list of keys; spaces around them do not count.
pub(crate) fn list<'a>(
    text: &'a str,
    expected: &'static str,
) -> impl Iterator<Item = Result<&'a str, KeyError>> {
    text.split(',').map(str::trim).map(move |entry| {
        if entry.is_empty() {
            Err(KeyError::Missing { expected })
        } else {
            Ok(entry)
        }
    })
}

/// Reads `k4.secret.…`.
pub(crate) fn secret(text: &str) -> Result<AsymmetricSecretKey<V4>, KeyError> {
    let bytes = data(text, SECRET, 2 * HALF)?;
    if is_zero(&bytes[..HALF]) {
        return Err(KeyError::Zero);
    }
    // All that is left to be wrong is the public half.
    AsymmetricSecretKey::from(&bytes).map_err(|_| KeyError::Mismatch)
}

/// The public key of `secret`.
pub(crate) fn public_of(secret: &AsymmetricSecretKey<V4>) -> AsymmetricPublicKey<V4> {
    AsymmetricPublicKey::try_from(secret).expect("a secret key holds its public key")
}

/// Reads `k4.public.…`.
pub(crate) fn public(text: &str) -> Result<AsymmetricPublicKey<V4>, KeyError> {
    let bytes = data(text, PUBLIC, HALF)?;
    if is_zero(&bytes) {
        return Err(KeyError::Zero);
    }
    AsymmetricPublicKey::from(&bytes).map_err(|_| KeyError::Encoding)
}

/// Reads `k4.local.…`.
pub(crate) fn local(text: &str) -> Result<SymmetricKey<V4>, KeyError> {
    let bytes = data(text, LOCAL, HALF)?;
    if is_zero(&bytes) {
        return Err(KeyError::Zero);
    }
    SymmetricKey::from(&bytes).map_err(|_| KeyError::Encoding)
}

/// The bytes of a PASERK that starts with `prefix`.
fn data(text: &str, prefix: &'static str, expected: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if text.is_empty() {
        return Err(KeyError::Missing { expected: prefix });
    }
    let encoded = text
        .strip_prefix(prefix)
        .ok_or(KeyError::Kind { expected: prefix })?;
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(encoded)
        .map(Zeroizing::new)
        .map_err(|_| KeyError::Encoding)?;
    if bytes.len() == expected {
        Ok(bytes)
    } else {
        Err(KeyError::Length {
            expected,
            found: bytes.len(),
        })
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paserk_of(prefix: &str, bytes: &[u8]) -> String {
        format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn zero_keys_are_refused_and_do_not_panic() {
        let refused = Some(KeyError::Zero);
        assert_eq!(secret(&paserk_of(SECRET, &[0; 64])).err(), refused);
        let mut seed_only = [7; 64];
        seed_only[..32].fill(0);
        assert_eq!(secret(&paserk_of(SECRET, &seed_only)).err(), refused);
        assert_eq!(public(&paserk_of(PUBLIC, &[0; 32])).err(), refused);
        assert_eq!(local(&paserk_of(LOCAL, &[0; 32])).err(), refused);
    }

    #[test]
    fn a_public_half_of_another_seed_is_refused() {
        assert_eq!(
            secret(&paserk_of(SECRET, &[7; 64])).err(),
            Some(KeyError::Mismatch)
        );
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let kind = Some(KeyError::Kind { expected: LOCAL });
        assert_eq!(local("k4.public.AAAA").err(), kind);
        assert_eq!(local("k3.local.AAAA").err(), kind);
        assert_eq!(local("").err(), Some(KeyError::Missing { expected: LOCAL }));
        assert_eq!(local("k4.local.=!").err(), Some(KeyError::Encoding));
        assert_eq!(
            local(&paserk_of(LOCAL, &[1; 31])).err(),
            Some(KeyError::Length {
                expected: 32,
                found: 31
            })
        );
    }

    #[test]
    fn a_footer_names_its_key() {
        let named = Named::new(local(&paserk_of(LOCAL, &[1; 32])).unwrap());
        let footer: serde_json::Value = serde_json::from_slice(&named.footer).unwrap();
        assert_eq!(footer, serde_json::json!({ "kid": named.id }));
        assert!(named.id.starts_with("k4.lid."));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(k4\\.(secret|public|local)\\.)?[A-Za-z0-9_.,=-]{0,100}") {
            let _ = (secret(&text), public(&text), local(&text));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            let _ = secret(&paserk_of(SECRET, &bytes));
            let _ = public(&paserk_of(PUBLIC, &bytes));
            let _ = local(&paserk_of(LOCAL, &bytes));
        }
    }
}
