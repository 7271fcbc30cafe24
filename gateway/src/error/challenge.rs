//! What a client is told whose token is missing or not good (RFC 6750, 3).

use chassis::layer::authenticate::{SCOPE, SCOPE_MISSING, TOKEN_EXPIRED, TOKEN_INVALID};
use chassis::status::reason_of;
use http::HeaderValue;
use tonic::Status;
use tonic_types::StatusExt as _;

/// Of a call that needs a token. Without one there is nothing to be said of it.
pub(super) fn unauthorized(status: &Status) -> HeaderValue {
    let reason = reason_of(status);
    let is_void = [TOKEN_INVALID, TOKEN_EXPIRED]
        .iter()
        .any(|void| reason.as_deref() == Some(void.reason));
    HeaderValue::from_static(if is_void {
        "Bearer error=\"invalid_token\""
    } else {
        "Bearer"
    })
}

/// Of a call whose token is not good for the method, where scopes are why.
pub(super) fn insufficient_scope(status: &Status) -> Option<HeaderValue> {
    let info = status.get_details_error_info()?;
    let scope = info.metadata.get(SCOPE)?;
    // What a service of another platform says may be anything.
    let legal = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    let is_ours = info.reason == SCOPE_MISSING.reason && scope.bytes().all(legal);
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    HeaderValue::try_from(challenge).ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use chassis::layer::authenticate::TOKEN_MISSING;
    use http::header;

    use super::*;
    use crate::error::Failure;

    #[test]
    fn a_void_token_is_told_from_none() {
        let challenge = |status| {
            let response = Failure::from(status).into_response();
            let told = response.headers()[header::WWW_AUTHENTICATE].to_str();
            told.unwrap().to_owned()
        };
        assert_eq!(challenge(TOKEN_MISSING.status("no")), "Bearer");
        assert_eq!(challenge(Status::unauthenticated("no")), "Bearer");
        let void = "Bearer error=\"invalid_token\"";
        assert_eq!(challenge(TOKEN_EXPIRED.status("no")), void);
        assert_eq!(challenge(TOKEN_INVALID.status("no")), void);
    }

    #[test]
    fn whoever_has_not_the_scope_is_told_which_it_is() {
        let told = |status: Status| {
            let response = Failure::from(status).into_response();
            let told = response.headers().get(header::WWW_AUTHENTICATE);
            (
                response.status().as_u16(),
                told.map(|told| told.to_str().unwrap().to_owned()),
            )
        };
        let about = |scope: &str| [(SCOPE.to_owned(), scope.to_owned())];
        let missing = |scope| SCOPE_MISSING.status_about("no", about(scope));
        let challenge = "Bearer error=\"insufficient_scope\", scope=\"a.b c\"".to_owned();
        assert_eq!(told(missing("a.b c")), (403, Some(challenge)));
        for forged in ["a\" b=\"", "a\\", "a\r\nb: c", "ü"] {
            assert_eq!(told(missing(forged)), (403, None), "{forged}");
        }
        let role = chassis::layer::authenticate::ROLE_MISSING;
        assert_eq!(told(role.status_about("no", about("a"))), (403, None));
        assert_eq!(told(Status::permission_denied("no")), (403, None));
    }
}
