//! Who may call: the contract's access rule.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Request, Response, header};
use token::{AccessVerifier, Identity, TokenError};
use tonic::body::Body;
use tonic::{Code, Status};

use super::Parts;
use super::around::{Around, Concern};
use super::method::Called;
use crate::call::FromBus;
use crate::contract::{Access, Method};
use crate::status::Reason;

/// No token where one is needed.
pub const TOKEN_MISSING: Reason = Reason {
    code: Code::Unauthenticated,
    reason: "TOKEN_MISSING",
    domain: "auth",
};
/// A token that is no access token of ours.
pub const TOKEN_INVALID: Reason = Reason {
    code: Code::Unauthenticated,
    reason: "TOKEN_INVALID",
    domain: "auth",
};
/// A token whose time is over.
pub const TOKEN_EXPIRED: Reason = Reason {
    code: Code::Unauthenticated,
    reason: "TOKEN_EXPIRED",
    domain: "auth",
};
/// A method that only other services may call.
pub const INTERNAL_METHOD: Reason = Reason {
    code: Code::PermissionDenied,
    reason: "INTERNAL_METHOD",
    domain: "auth",
};

/// A method for which the caller has not the role.
pub const ROLE_MISSING: Reason = Reason {
    code: Code::PermissionDenied,
    reason: "ROLE_MISSING",
    domain: "auth",
};

/// A method for which the caller's token is not good. Its `scope` says which scopes are asked for.
pub const SCOPE_MISSING: Reason = Reason {
    code: Code::PermissionDenied,
    reason: "SCOPE_MISSING",
    domain: "auth",
};

/// Where [`SCOPE_MISSING`] says which scopes are asked for, with spaces between.
pub const SCOPE: &str = "scope";

/// Lets those call who may.
#[derive(Debug, Clone)]
pub struct Authenticate(Arc<AccessVerifier>);

/// Refuses calls that the contract does not allow. Handlers find a [`Identity`] in the extensions
/// of a call with a valid access token.
#[must_use]
pub fn layer(parts: &Parts) -> Around<Authenticate> {
    Around(Authenticate(Arc::clone(&parts.verifier)))
}

impl Concern for Authenticate {
    type Kept = ();

    fn before(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let Some(called) = Called::of(request) else {
            return Ok(());
        };
        let method = called.method();
        if method.access == Access::Public {
            return Ok(());
        }
        let from_bus = request.extensions().get::<FromBus>().is_some();
        let (headers, now) = (request.headers(), SystemTime::now());
        let identity = check(method, headers, from_bus, &self.0, now)?;
        identity.and_then(|identity| request.extensions_mut().insert(identity));
        Ok(())
    }

    fn after((): (), response: Response<Body>) -> Response<Body> {
        response
    }
}

/// Who calls, if the contract lets them.
///
/// # Errors
/// Why they may not.
pub fn check(
    method: &Method,
    headers: &HeaderMap,
    from_bus: bool,
    verifier: &AccessVerifier,
    now: SystemTime,
) -> Result<Option<Identity>, Status> {
    match method.access {
        Access::Public => Ok(None),
        Access::Authenticated => {
            let token = bearer(headers).ok_or_else(|| {
                TOKEN_MISSING
                    .status("this needs an access token: send `authorization: Bearer <token>`")
            })?;
            let claims = verifier.verify(token, now).map_err(refused)?;
            check_scopes(method, &claims.identity)?;
            check_roles(method, &claims.identity)?;
            Ok(Some(claims.identity))
        }
        Access::Internal if from_bus => {
            // The caller's own token, where the calling service has passed it on.
            Ok(bearer(headers).and_then(|token| Some(verifier.verify(token, now).ok()?.identity)))
        }
        Access::Internal => {
            let service = bearer(headers).map(|token| verifier.verify_service(token, now));
            match service {
                Some(Ok(_)) => Ok(None),
                _ => Err(INTERNAL_METHOD.status(
                    "only other services may call this: send a service token as `authorization: Bearer <token>`",
                )),
            }
        }
    }
}

fn check_scopes(method: &Method, identity: &Identity) -> Result<(), Status> {
    let mut scopes = method.scopes.iter();
    if scopes.all(|scope| identity.has_scope(scope)) {
        return Ok(());
    }
    let scopes = method.scopes.join(" ");
    let message = format!("this needs a token with the scope {scopes}");
    Err(SCOPE_MISSING.status_about(message, [(SCOPE.to_owned(), scopes)]))
}

fn check_roles(method: &Method, identity: &Identity) -> Result<(), Status> {
    let has = |role: &String| identity.roles.contains(role);
    if method.roles.is_empty() || method.roles.iter().any(has) {
        return Ok(());
    }
    let roles = method.roles.join(" or ");
    Err(ROLE_MISSING.status(format!("this needs the role {roles}")))
}

/// The token of an `authorization: Bearer` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The status for a token that is not accepted.
#[must_use]
pub fn refused(error: TokenError) -> Status {
    match error {
        TokenError::Expired => TOKEN_EXPIRED.status("the token has expired: refresh it"),
        // Which part of it is wrong helps nobody but a forger.
        _ => TOKEN_INVALID.status("the token is not valid here"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::Contract;

    fn method(path: &str) -> Arc<Method> {
        let services = ["user.v1.UserService", "auth.v1.AuthService"];
        let contract = Contract::read(proto::descriptors(), &services).unwrap();
        Arc::clone(contract.get(path).unwrap())
    }

    fn headers(token: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::AUTHORIZATION,
            format!("bearer {token}").parse().unwrap(),
        )])
    }

    fn identity() -> Identity {
        let id = uuid::Uuid::from_u128(7);
        Identity {
            user_id: id,
            session_id: id,
            roles: Vec::new(),
            scopes: Vec::new(),
            auth_epoch: 1,
        }
    }

    #[test]
    fn access_rules_are_kept_and_one_token_never_serves_as_another() {
        let signer = token::AccessSigner::from_paserk(&token::generate().unwrap().access_secret);
        let signer = signer.unwrap();
        let verifier = signer.verifier();
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let access = headers(&signer.issue(&identity(), now, hour).unwrap());
        let service = headers(&signer.issue_service("cli", now, hour).unwrap());
        let none = HeaderMap::new();
        let code = |path: &str, headers: &HeaderMap, from_bus: bool, now: SystemTime| {
            check(&method(path), headers, from_bus, &verifier, now)
                .map_err(|status| crate::status::reason_of(&status).unwrap())
        };
        let (login, find, validate) = (
            "/auth.v1.AuthService/Login",
            "/user.v1.UserService/Find",
            "/user.v1.UserService/Validate",
        );
        assert_eq!(code(login, &none, false, now), Ok(None));
        assert_eq!(code(find, &none, false, now), Err("TOKEN_MISSING".into()));
        assert_eq!(code(find, &access, false, now), Ok(Some(identity())));
        assert_eq!(
            code(find, &service, false, now),
            Err("TOKEN_INVALID".into())
        );
        assert_eq!(
            code(find, &access, false, now + 2 * hour),
            Err("TOKEN_EXPIRED".into())
        );
        assert_eq!(code(find, &none, true, now), Err("TOKEN_MISSING".into()));
        assert_eq!(
            code(validate, &none, false, now),
            Err("INTERNAL_METHOD".into())
        );
        assert_eq!(
            code(validate, &access, false, now),
            Err("INTERNAL_METHOD".into())
        );
        assert_eq!(code(validate, &service, false, now), Ok(None));
        assert_eq!(code(validate, &none, true, now), Ok(None));
    }

    #[test]
    fn all_of_the_scopes_are_needed_that_the_contract_names() {
        let signer = token::AccessSigner::from_paserk(&token::generate().unwrap().access_secret);
        let (signer, now) = (signer.unwrap(), SystemTime::now());
        let verifier = signer.verifier();
        let mut find = Method::clone(&method("/user.v1.UserService/Find"));
        let ask = |find: &Method, scopes: &[&str]| {
            let scopes = scopes.iter().map(ToString::to_string).collect();
            let identity = Identity {
                scopes,
                ..identity()
            };
            let token = signer
                .issue(&identity, now, Duration::from_secs(60))
                .unwrap();
            check(find, &headers(&token), false, &verifier, now)
        };
        // A method that names none takes every token.
        assert!(ask(&find, &["other"]).unwrap().is_some());
        find.scopes = vec!["user.read".into(), "user.list".into()];
        for scopes in [&["user.list", "x", "user.read"][..], &["*"], &["x", "*"]] {
            assert!(ask(&find, scopes).unwrap().is_some(), "{scopes:?}");
        }
        for scopes in [
            &[][..],
            &["user.read"],
            &["user.*"],
            &["user.read,user.list"],
        ] {
            let status = ask(&find, scopes).unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied);
            let info = tonic_types::StatusExt::get_details_error_info(&status).unwrap();
            assert_eq!(info.reason, "SCOPE_MISSING");
            assert_eq!(info.metadata[SCOPE], "user.read user.list");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_none() {
        for value in ["", "Bearer", "Bearer ", "Basic abc", "Bearerabc"] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(bearer(&headers), None, "{value}");
        }
    }

    #[test]
    fn one_of_the_roles_is_needed_where_the_contract_names_some() {
        let signer = token::AccessSigner::from_paserk(&token::generate().unwrap().access_secret);
        let (signer, now) = (signer.unwrap(), SystemTime::now());
        let verifier = signer.verifier();
        let mut find = Method::clone(&method("/user.v1.UserService/Find"));
        find.roles = vec!["admin".into(), "support".into()];
        let ask = |roles: &[&str]| {
            let roles = roles.iter().map(ToString::to_string).collect();
            let identity = Identity {
                roles,
                ..identity()
            };
            let token = signer
                .issue(&identity, now, Duration::from_secs(60))
                .unwrap();
            check(&find, &headers(&token), false, &verifier, now)
        };
        for roles in [&["support"][..], &["user", "admin"]] {
            assert!(ask(roles).unwrap().is_some());
        }
        for roles in [&[][..], &["user"], &["administrator"]] {
            let status = ask(roles).unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied);
            assert_eq!(crate::status::reason_of(&status).unwrap(), "ROLE_MISSING");
        }
    }
}
