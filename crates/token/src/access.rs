//! The claims of an access token.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claims::{Common, Window};
use crate::purpose::Purpose;
use crate::{AccessClaims, Identity, TokenError, scope};

/// An access token's claims, as they are written.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(flatten)]
    common: Common,
    sub: String,
    sid: String,
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    epoch: u64,
}

/// Writes the claims for `identity`.
pub(crate) fn encode(identity: &Identity, window: &Window) -> Result<Vec<u8>, TokenError> {
    let wire = Wire {
        common: Common::new(Purpose::Access, window)?,
        sub: identity.user_id.to_string(),
        sid: identity.session_id.to_string(),
        roles: identity.roles.clone(),
        scope: scope::encode(&identity.scopes)?,
        epoch: identity.auth_epoch,
    };
    serde_json::to_vec(&wire).map_err(|_| TokenError::Claims("cannot be written as JSON"))
}

/// Reads claims that are known to be authentic.
pub(crate) fn decode(payload: &str) -> Result<(AccessClaims, Window), TokenError> {
    let wire: Wire = serde_json::from_str(payload)
        .map_err(|_| TokenError::Claims("not those of an access token"))?;
    let window = wire.common.accept(Purpose::Access)?;
    let id = |claim: &str, fault| Uuid::try_parse(claim).map_err(|_| TokenError::Claims(fault));
    let claims = AccessClaims {
        identity: Identity {
            user_id: id(&wire.sub, "sub is not a UUID")?,
            session_id: id(&wire.sid, "sid is not a UUID")?,
            roles: wire.roles,
            scopes: scope::decode(wire.scope.as_deref()),
            auth_epoch: wire.epoch,
        },
        issued_at: window.issued_at,
        expires_at: window.expires_at,
    };
    Ok((claims, window))
}
