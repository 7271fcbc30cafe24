//! The `scope` claim: names with spaces between (RFC 8693, 4.2; RFC 6749, 3.3).

use crate::TokenError;

/// The claim of these scopes; `None` for none.
///
/// # Errors
/// [`TokenError::Claims`] for a name that is none.
pub(crate) fn encode(scopes: &[String]) -> Result<Option<String>, TokenError> {
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let named = |scope: &String| !scope.is_empty() && scope.bytes().all(legal);
    if !scopes.iter().all(named) {
        return Err(TokenError::Claims("a scope is not the name of one"));
    }
    Ok((!scopes.is_empty()).then(|| scopes.join(" ")))
}

/// The scopes of a claim.
pub(crate) fn decode(claim: Option<&str>) -> Vec<String> {
    let names = claim.unwrap_or_default().split(' ');
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
