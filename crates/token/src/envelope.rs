//! The outside of a token: what can be seen without a key.

use crate::keys::Named;
use crate::{MAX_TOKEN_BYTES, TokenError};

/// Finds the key that made `token`, which must start with `header` (`v4.public.`, `v4.local.`).
///
/// The footer is compared as text with those of the keys, so nothing that an attacker wrote is
/// parsed before the token is known to be authentic.
pub(crate) fn key_of<'k, K>(
    token: &str,
    header: &str,
    keys: &'k [Named<K>],
) -> Result<&'k Named<K>, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let Some(rest) = token.strip_prefix(header) else {
        let known = ["v4.public.", "v4.local."];
        return Err(if known.iter().any(|other| token.starts_with(other)) {
            TokenError::WrongPurpose
        } else {
            TokenError::Malformed
        });
    };
    let (payload, footer) = rest.split_once('.').ok_or(TokenError::Malformed)?;
    if !is_base64url(payload) || !is_base64url(footer) {
        return Err(TokenError::Malformed);
    }
    keys.iter()
        .find(|key| key.footer_part == footer)
        .ok_or(TokenError::UnknownKey)
}

/// Refuses to hand out what [`key_of`] would refuse to take.
pub(crate) fn bounded(token: String) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        Err(TokenError::TooLong)
    } else {
        Ok(token)
    }
}

fn is_base64url(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
