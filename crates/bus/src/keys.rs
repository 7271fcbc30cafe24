//! The key ring: who may write to the bus, and who may read its secrets.
//!
//! Kafka keeps what it carries. So every record has a MAC over where it was sent, when, its headers
//! and its value; and the value of a method with a secret field is encrypted. Both use subkeys of
//! the ring's keys, derived with HKDF-SHA256 (RFC 5869). The first key signs and seals; all verify
//! and open, so a key is rotated by adding.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use crate::record::{Outgoing, Received};
use crate::{frame, header};

/// The bytes of a nonce of XChaCha20-Poly1305.
pub(crate) const NONCE_LENGTH: usize = 24;

/// The keys of the bus.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    /// 16 hexadecimal characters, derived from the key; public.
    id: String,
    mac: Hmac<Sha256>,
    seal: XChaCha20Poly1305,
    hkdf: Hkdf<Sha256>,
}

/// The text is no key ring.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// No key at all.
    #[error("holds no key; generate one with the `keys generate` command")]
    Empty,
    /// A part that is no key.
    #[error(
        "key {0} of the list is not a PASERK k4.local key (k4.local.<43 characters of base64url>)"
    )]
    Malformed(usize),
    /// A key that anybody can guess.
    #[error("key {0} of the list is all zeros; generate one with the `keys generate` command")]
    Zero(usize),
}

/// A record that was not made by a holder of the keys, or was changed since.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum Refused {
    /// It has no MAC.
    #[error("unsigned")]
    Unsigned,
    /// Its key is not on the ring.
    #[error("signed with a key that is not on the ring")]
    UnknownKey,
    /// The MAC is not that of this record at this place.
    #[error("forged or altered")]
    Forged,
    /// The encrypted value does not open.
    #[error("sealed in a way that does not open")]
    Unopenable,
}

/// Randomness could not be had, so nothing was sealed.
#[derive(Debug, Error)]
#[error("the system has no randomness to seal with: {0}")]
pub struct SealError(String);

// === impl KeyRing ===

impl KeyRing {
    /// Reads a comma-separated list of PASERK `k4.local` keys
    /// (<https://github.com/paseto-standard/paserk>).
    ///
    /// # Errors
    /// An empty list, or a part that is no key or an all-zero one.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let mut keys = Vec::new();
        for (index, part) in parts.enumerate() {
            let place = index + 1;
            let encoded = part
                .strip_prefix("k4.local.")
                .ok_or(KeyError::Malformed(place))?;
            let bytes = URL_SAFE_NO_PAD
                .decode(encoded)
                .map_err(|_| KeyError::Malformed(place))?;
            let secret: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Malformed(place))?;
            if secret == [0; 32] {
                return Err(KeyError::Zero(place));
            }
            keys.push(Key::derive(&secret));
        }
        if keys.is_empty() {
            Err(KeyError::Empty)
        } else {
            Ok(Self { keys })
        }
    }

    /// A ring of one key that nobody else has: for a process that talks to itself.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn random() -> Result<Self, SealError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| SealError(error.to_string()))?;
        let keys = vec![Key::derive(&secret)];
        Ok(Self { keys })
    }

    /// A key of 32 bytes for another purpose from each key of the ring, in its order.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Vec<[u8; 32]> {
        self.keys
            .iter()
            .map(|key| expand(&key.hkdf, &format!("other/{purpose}")))
            .collect()
    }

    /// Encrypts the value. To be called before [`sign`](Self::sign).
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn seal(&self, record: &mut Outgoing) -> Result<(), SealError> {
        let key = self.first();
        let context = record.context("value");
        let (nonce, sealed) = key.encrypt(&record.value, &context)?;
        record.header(header::SEALED, nonce);
        record.value = sealed.into();
        Ok(())
    }

    /// Encrypts a header's value: nonce, then ciphertext.
    pub(crate) fn seal_header(
        &self,
        record: &Outgoing,
        name: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (mut sealed, ciphertext) = self.first().encrypt(plain, &record.context(name))?;
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Adds the key id and the MAC. Whatever is added later is not covered.
    pub(crate) fn sign(&self, record: &mut Outgoing) {
        let key = self.first();
        record.header(header::KEY_ID, key.id.clone().into_bytes());
        let mut mac = key.mac.clone();
        let headers = record
            .headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()));
        cover(
            &mut mac,
            &record.topic,
            record.time_ms,
            headers,
            &record.value,
        );
        record.header(header::MAC, mac.finalize().into_bytes().to_vec());
    }

    /// Checks that a holder of a key of the ring made this record for this place.
    ///
    /// # Errors
    /// Why it was refused.
    pub(crate) fn verify(&self, record: &Received<'_>) -> Result<(), Refused> {
        let mac = record.header(header::MAC).ok_or(Refused::Unsigned)?;
        let key = self.key_of(record)?;
        let mut expected = key.mac.clone();
        let headers = record.headers.iter().copied();
        cover(
            &mut expected,
            record.origin_topic(),
            record.time_ms,
            headers,
            record.value,
        );
        expected.verify_slice(mac).map_err(|_| Refused::Forged)
    }

    /// The value, decrypted if it is sealed.
    ///
    /// # Errors
    /// It does not open.
    pub(crate) fn open(&self, record: &Received<'_>) -> Result<Vec<u8>, Refused> {
        match record.header(header::SEALED) {
            None => Ok(record.value.to_vec()),
            Some(nonce) => {
                let context = record.context("value");
                self.key_of(record)?.decrypt(nonce, record.value, &context)
            }
        }
    }

    /// The same as a gRPC message with its prefix, which is copied but once.
    ///
    /// # Errors
    /// It does not open.
    pub(crate) fn open_framed(&self, record: &Received<'_>) -> Result<Bytes, Refused> {
        if record.header(header::SEALED).is_none() {
            return Ok(frame::framed(record.value));
        }
        self.open(record).map(|value| frame::framed(&value))
    }

    /// A header that [`seal_header`](Self::seal_header) made.
    pub(crate) fn open_header(
        &self,
        record: &Received<'_>,
        name: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Refused> {
        let (nonce, ciphertext) = sealed
            .split_at_checked(NONCE_LENGTH)
            .ok_or(Refused::Unopenable)?;
        self.key_of(record)?
            .decrypt(nonce, ciphertext, &record.context(name))
    }

    fn key_of(&self, record: &Received<'_>) -> Result<&Key, Refused> {
        let id = record.header(header::KEY_ID).ok_or(Refused::Unsigned)?;
        self.keys
            .iter()
            .find(|key| key.id.as_bytes() == id)
            .ok_or(Refused::UnknownKey)
    }

    fn first(&self) -> &Key {
        self.keys.first().expect("`parse` refuses an empty ring")
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|key| &key.id).collect();
        f.debug_struct("KeyRing")
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

// === impl Key ===

impl Key {
    fn derive(secret: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(b"trolleybus/bus/v1"), secret);
        let id = expand(&hkdf, "id")
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mac = Hmac::new_from_slice(&expand(&hkdf, "mac"));
        let mac = mac.expect("HMAC takes a key of any length");
        let seal = XChaCha20Poly1305::new(&expand(&hkdf, "seal").into());
        Self {
            id,
            mac,
            seal,
            hkdf,
        }
    }

    fn encrypt(&self, plain: &[u8], context: &[u8]) -> Result<(Vec<u8>, Vec<u8>), SealError> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|error| SealError(error.to_string()))?;
        let payload = Payload {
            msg: plain,
            aad: context,
        };
        let sealed = self.seal.encrypt(&XNonce::from(nonce), payload);
        sealed
            .map(|sealed| (nonce.to_vec(), sealed))
            .map_err(|error| SealError(error.to_string()))
    }

    fn decrypt(&self, nonce: &[u8], sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, Refused> {
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| Refused::Unopenable)?;
        let payload = Payload {
            msg: sealed,
            aad: context,
        };
        self.seal
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Refused::Unopenable)
    }
}

fn expand(hkdf: &Hkdf<Sha256>, purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    hkdf.expand(purpose.as_bytes(), &mut key)
        .expect("32 bytes are within HKDF's limit");
    key
}

/// Feeds a MAC with everything it covers, each part preceded by its length so that no two records
/// feed it alike.
fn cover<'a>(
    mac: &mut Hmac<Sha256>,
    topic: &str,
    time_ms: i64,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    value: &[u8],
) {
    // All but the value in one piece: a hash takes many small ones slowly.
    let mut covered = Vec::with_capacity(1024);
    let mut part = |bytes: &[u8]| {
        covered.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        covered.extend_from_slice(bytes);
    };
    part(topic.as_bytes());
    part(&time_ms.to_be_bytes());
    for (name, value) in headers.filter(|(name, _)| header::is_covered(name)) {
        part(name.as_bytes());
        part(value);
    }
    part(b"value");
    covered.extend_from_slice(&(value.len() as u64).to_be_bytes());
    mac.update(&covered);
    mac.update(value);
}

#[cfg(test)]
mod tests;
