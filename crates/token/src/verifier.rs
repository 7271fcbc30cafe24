//! Verifies access and service tokens.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::{Public, UntrustedToken};
use pasetors::version4::{PublicToken, V4};
use serde::Deserialize;

use crate::cache::Cache;
use crate::keys::{self, Named};
use crate::purpose::Purpose;
use crate::{AccessClaims, KeyError, TokenError, access, envelope, service};

/// Verified access tokens that are remembered. A verification costs some 45 µs, a look into the
/// cache under 1 µs; an entry holds about 300 bytes.
const ACCESS_CACHE: usize = 10_000;

/// Verified service tokens that are remembered: a platform has few services.
const SERVICE_CACHE: usize = 256;

const EXPECTED: &str = "k4.public.` or `k4.secret.";

/// Verifies access and service tokens with any of several keys. Clones share their cache.
///
/// What was verified once is remembered by the token's SHA-256 hash until it expires; its time is
/// checked at every call.
#[derive(Clone)]
pub struct AccessVerifier {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Vec<Named<AsymmetricPublicKey<V4>>>,
    access: Cache<AccessClaims>,
    service: Cache<String>,
}

/// The one claim that is looked at in a token that is not authentic.
#[derive(Deserialize)]
struct Typ {
    typ: String,
}

impl AccessVerifier {
    /// Reads the keys: one or more `k4.public.…` or `k4.secret.…`, separated by commas. Of a
    /// secret key, only the public half is kept.
    ///
    /// # Errors
    /// What is wrong with the first key that cannot be read.
    pub fn from_paserk(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::<Named<_>>::new();
        for entry in keys::list(text, EXPECTED) {
            let entry = entry?;
            let key = if entry.starts_with(keys::SECRET) {
                keys::public_of(&keys::secret(entry)?)
            } else if entry.starts_with(keys::PUBLIC) {
                keys::public(entry)?
            } else {
                return Err(KeyError::Kind { expected: EXPECTED });
            };
            let key = Named::new(key);
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        Ok(Self::new(keys))
    }

    /// Trusts no token: for a process in which nobody needs one.
    #[must_use]
    pub fn without_keys() -> Self {
        Self::new(Vec::new())
    }

    fn new(keys: Vec<Named<AsymmetricPublicKey<V4>>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                keys,
                access: Cache::new(ACCESS_CACHE),
                service: Cache::new(SERVICE_CACHE),
            }),
        }
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// Why the token cannot be trusted; the answer to all of them is to log in or refresh.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<AccessClaims, TokenError> {
        self.inner.access.get_or_verify(token, now, || {
            access::decode(&self.authentic(token, Purpose::Access)?)
        })
    }

    /// Verifies a service token, and returns the service's name.
    ///
    /// # Errors
    /// Why the token cannot be trusted.
    pub fn verify_service(&self, token: &str, now: SystemTime) -> Result<String, TokenError> {
        self.inner.service.get_or_verify(token, now, || {
            service::decode(&self.authentic(token, Purpose::Service)?)
        })
    }

    /// The keys in the order given, each as its identifier (`k4.pid.…`) and itself
    /// (`k4.public.…`): what `/.well-known/paseto-keys` publishes.
    #[must_use]
    pub fn public_keys(&self) -> Vec<(String, String)> {
        let keys = self.inner.keys.iter();
        keys.map(|named| (named.id.clone(), keys::paserk(&named.key)))
            .collect()
    }

    /// The payload, once the signature is known to hold.
    fn authentic(&self, token: &str, purpose: Purpose) -> Result<String, TokenError> {
        let key = envelope::key_of(token, PublicToken::HEADER, &self.inner.keys)?;
        let untrusted =
            UntrustedToken::<Public, V4>::try_from(token).map_err(|_| TokenError::Malformed)?;
        PublicToken::verify(
            &key.key,
            &untrusted,
            Some(&key.footer),
            Some(purpose.assertion()),
        )
        .map(|trusted| trusted.payload().to_owned())
        .map_err(|_| {
            // Refused either way; what the token claims to be only makes the reason clearer.
            match serde_json::from_slice::<Typ>(untrusted.untrusted_payload()) {
                Ok(claims) if claims.typ != purpose.typ() => TokenError::WrongPurpose,
                _ => TokenError::Invalid,
            }
        })
    }
}

impl fmt::Debug for AccessVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.inner.keys.iter().map(|named| &named.id).collect();
        f.debug_struct("AccessVerifier")
            .field("keys", &ids)
            .finish_non_exhaustive()
    }
}
