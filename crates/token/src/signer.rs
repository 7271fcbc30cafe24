//! Issues access and service tokens.

use std::fmt;
use std::time::{Duration, SystemTime};

use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::version4::{PublicToken, V4};

use crate::claims::Window;
use crate::keys::{self, Named};
use crate::purpose::Purpose;
use crate::{AccessVerifier, Identity, KeyError, TokenError, access, envelope, service};

/// Signs access and service tokens with one key, and knows what else is accepted.
pub struct AccessSigner {
    secret: AsymmetricSecretKey<V4>,
    public: Named<AsymmetricPublicKey<V4>>,
    accepts: AccessVerifier,
}

impl AccessSigner {
    /// Reads the key, `k4.secret.…`, and after it, separated by commas, further ones whose tokens are
    /// accepted: `k4.public.…` or `k4.secret.…`.
    ///
    /// # Errors
    /// What is wrong with the first key that cannot be used.
    pub fn from_paserk(text: &str) -> Result<Self, KeyError> {
        let first = text.split(',').next().unwrap_or_default();
        let secret = keys::secret(first.trim())?;
        let public = Named::new(keys::public_of(&secret));
        Ok(Self {
            secret,
            public,
            accepts: AccessVerifier::from_paserk(text)?,
        })
    }

    /// Issues an access token for `identity`, valid from `now` for `lifetime`. Times are cut to
    /// whole seconds.
    ///
    /// # Errors
    /// [`TokenError::TooLong`] when the roles do not fit, [`TokenError::Time`] when the times do
    /// not.
    pub fn issue(
        &self,
        identity: &Identity,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<String, TokenError> {
        let claims = access::encode(identity, &window(now, lifetime)?)?;
        self.sign(&claims, Purpose::Access)
    }

    /// Issues a service token for the service of that name, valid from `now` for `lifetime`.
    ///
    /// # Errors
    /// [`TokenError::Claims`] for an empty name, [`TokenError::TooLong`] for one that does not
    /// fit, [`TokenError::Time`] when the times do not.
    pub fn issue_service(
        &self,
        service: &str,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<String, TokenError> {
        let claims = service::encode(service, &window(now, lifetime)?)?;
        self.sign(&claims, Purpose::Service)
    }

    /// A verifier of what this signer signs, and of what its further keys have signed.
    #[must_use]
    pub fn verifier(&self) -> AccessVerifier {
        self.accepts.clone()
    }

    /// The public key, `k4.public.…`.
    #[must_use]
    pub fn public_paserk(&self) -> String {
        keys::paserk(&self.public.key)
    }

    fn sign(&self, claims: &[u8], purpose: Purpose) -> Result<String, TokenError> {
        let footer = self.public.footer.as_slice();
        PublicToken::sign(
            &self.secret,
            claims,
            Some(footer),
            Some(purpose.assertion()),
        )
        .map_err(|_| TokenError::Invalid)
        .and_then(envelope::bounded)
    }
}

impl fmt::Debug for AccessSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessSigner")
            .field("key", &self.public.id)
            .finish_non_exhaustive()
    }
}

fn window(now: SystemTime, lifetime: Duration) -> Result<Window, TokenError> {
    let expires_at = now.checked_add(lifetime).ok_or(TokenError::Time)?;
    Ok(Window::new(now, expires_at))
}
