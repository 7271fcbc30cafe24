//! Refresh tokens: sealed, so that a client cannot read them.

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pasetors::keys::SymmetricKey;
use pasetors::token::{Local, UntrustedToken};
use pasetors::version4::{LocalToken, V4};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use crate::claims::{Common, Window};
use crate::keys::{self, Named};
use crate::purpose::Purpose;
use crate::{KeyError, TokenError, envelope, scope};

/// Seals refresh tokens with one key, and opens them with any of several.
pub struct RefreshKeys {
    /// Never empty.
    keys: Vec<Named<SymmetricKey<V4>>>,
}

/// What an opened refresh token says. Overwritten when dropped; `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The session to renew; claim `sid`.
    pub session_id: Uuid,
    /// How often the session was renewed before; claim `gen`.
    pub generation: u64,
    /// What proves that the session's owner issued this generation; claim `secret`, in base64url.
    pub secret: [u8; 32],
    /// What the session's access tokens are good for; claim `scope`. Empty if nothing was chosen: then
    /// for all that the user may do.
    pub scopes: Vec<String>,
    /// When the token was issued, in whole seconds.
    pub issued_at: SystemTime,
    /// When the token ends, in whole seconds.
    pub expires_at: SystemTime,
}

/// A refresh token's claims, as they are written.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(flatten)]
    common: Common,
    sid: String,
    r#gen: u64,
    secret: Zeroized,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// A text that is overwritten when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Zeroized(String);

// === impl RefreshKeys ===

impl RefreshKeys {
    /// Reads the keys: one or more `k4.local.…`, separated by commas. The first seals, all open.
    ///
    /// # Errors
    /// What is wrong with the first key that cannot be read.
    pub fn from_paserk(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::<Named<_>>::new();
        for entry in keys::list(text, keys::LOCAL) {
            let key = Named::new(keys::local(entry?)?);
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        Ok(Self { keys })
    }

    /// Issues the refresh token of one generation of a session, for access tokens with these scopes, valid
    /// from `now` until `expires_at`. Times are cut to whole seconds.
    ///
    /// # Errors
    /// [`TokenError::Claims`] for a scope that is none,
    /// [`TokenError::Time`] when a time does not fit into a token, [`TokenError::Random`] when
    /// the operating system gives no random bytes.
    pub fn issue(
        &self,
        session_id: Uuid,
        generation: u64,
        secret: &[u8; 32],
        scopes: &[String],
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Result<String, TokenError> {
        let wire = Wire {
            common: Common::new(Purpose::Refresh, &Window::new(now, expires_at))?,
            sid: session_id.to_string(),
            r#gen: generation,
            secret: Zeroized(BASE64_URL_SAFE_NO_PAD.encode(secret)),
            scope: scope::encode(scopes)?,
        };
        let claims = serde_json::to_vec(&wire)
            .map(Zeroizing::new)
            .map_err(|_| TokenError::Claims("cannot be written as JSON"))?;
        let key = self.keys.first().expect("a list of keys has at least one");
        LocalToken::encrypt(
            &key.key,
            &claims,
            Some(&key.footer),
            Some(Purpose::Refresh.assertion()),
        )
        .map_err(|error| match error {
            pasetors::errors::Error::Csprng => TokenError::Random,
            _ => TokenError::Invalid,
        })
        .and_then(envelope::bounded)
    }

    /// Opens a refresh token.
    ///
    /// # Errors
    /// Why the token cannot be trusted; the answer to all of them is to log in again.
    pub fn open(&self, token: &str, now: SystemTime) -> Result<RefreshClaims, TokenError> {
        let key = envelope::key_of(token, LocalToken::HEADER, &self.keys)?;
        let untrusted =
            UntrustedToken::<Local, V4>::try_from(token).map_err(|_| TokenError::Malformed)?;
        let trusted = LocalToken::decrypt(
            &key.key,
            &untrusted,
            Some(&key.footer),
            Some(Purpose::Refresh.assertion()),
        )
        .map_err(|_| TokenError::Invalid)?;
        let wire: Wire = serde_json::from_str(trusted.payload())
            .map_err(|_| TokenError::Claims("not those of a refresh token"))?;
        let window = wire.common.accept(Purpose::Refresh)?;
        window.check(now)?;
        Ok(RefreshClaims {
            session_id: Uuid::try_parse(&wire.sid)
                .map_err(|_| TokenError::Claims("sid is not a UUID"))?,
            generation: wire.r#gen,
            secret: wire.secret.decode()?,
            scopes: scope::decode(wire.scope.as_deref()),
            issued_at: window.issued_at,
            expires_at: window.expires_at,
        })
    }
}

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|named| &named.id).collect();
        f.debug_struct("RefreshKeys")
            .field("keys", &ids)
            .finish_non_exhaustive()
    }
}

// === impl RefreshClaims ===

impl fmt::Debug for RefreshClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshClaims")
            .field("session_id", &self.session_id)
            .field("generation", &self.generation)
            .field("secret", &"[redacted]")
            .field("scopes", &self.scopes)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl Drop for RefreshClaims {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

// === impl Zeroized ===

impl Zeroized {
    fn decode(&self) -> Result<[u8; 32], TokenError> {
        let fault = TokenError::Claims("secret is not 32 bytes of base64url");
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(&self.0)
            .map(Zeroizing::new)
            .map_err(|_| fault)?;
        bytes.as_slice().try_into().map_err(|_| fault)
    }
}

impl Drop for Zeroized {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
