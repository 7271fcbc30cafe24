//! The claims of a service token.

use serde::{Deserialize, Serialize};

use crate::TokenError;
use crate::claims::{Common, Window};
use crate::purpose::Purpose;

/// A service token's claims, as they are written.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(flatten)]
    common: Common,
    /// The service's name.
    sub: String,
}

/// Writes the claims for `service`.
pub(crate) fn encode(service: &str, window: &Window) -> Result<Vec<u8>, TokenError> {
    if service.is_empty() {
        return Err(TokenError::Claims("sub is empty"));
    }
    let wire = Wire {
        common: Common::new(Purpose::Service, window)?,
        sub: service.to_owned(),
    };
    serde_json::to_vec(&wire).map_err(|_| TokenError::Claims("cannot be written as JSON"))
}

/// Reads claims that are known to be authentic.
pub(crate) fn decode(payload: &str) -> Result<(String, Window), TokenError> {
    let wire: Wire = serde_json::from_str(payload)
        .map_err(|_| TokenError::Claims("not those of a service token"))?;
    let window = wire.common.accept(Purpose::Service)?;
    if wire.sub.is_empty() {
        return Err(TokenError::Claims("sub is empty"));
    }
    Ok((wire.sub, window))
}
