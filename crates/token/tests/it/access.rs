use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use token::{ACCESS_LIFETIME, CLOCK_LEEWAY, EVERY_SCOPE, Identity, MAX_TOKEN_BYTES, TokenError};

use crate::support::{alice, noon, parties};

#[test]
fn what_is_issued_is_what_is_verified() {
    let parties = parties();
    let token = parties
        .signer
        .issue(&alice(), noon(), ACCESS_LIFETIME)
        .unwrap();
    let claims = parties.signer.verifier().verify(&token, noon()).unwrap();
    assert_eq!(claims.identity, alice());
    assert_eq!(claims.issued_at, noon());
    assert_eq!(claims.expires_at, noon() + ACCESS_LIFETIME);
}

#[test]
fn a_token_has_the_scopes_that_it_names_and_no_others() {
    let signer = parties().signer;
    let has = |scopes: &[&str], scope: &str| {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let identity = Identity { scopes, ..alice() };
        let token = signer.issue(&identity, noon(), ACCESS_LIFETIME).unwrap();
        let claims = signer.verifier().verify(&token, noon()).unwrap();
        assert_eq!(claims.identity, identity);
        claims.identity.has_scope(scope)
    };
    assert!(has(&["orders.read", "orders.write"], "orders.write"));
    assert!(has(&[EVERY_SCOPE], "orders.write"));
    for scopes in [&[][..], &["orders"], &["orders.write.all"], &["orders.*"]] {
        assert!(!has(scopes, "orders.write"), "{scopes:?}");
    }
    let identity = Identity {
        scopes: vec!["a b".into()],
        ..alice()
    };
    let refused = signer.issue(&identity, noon(), ACCESS_LIFETIME);
    let fault = TokenError::Claims("a scope is not the name of one");
    assert_eq!(refused, Err(fault));
}

#[test]
fn a_service_token_names_its_service() {
    let parties = parties();
    let token = parties
        .signer
        .issue_service("notification", noon(), ACCESS_LIFETIME)
        .unwrap();
    let verifier = parties.signer.verifier();
    let service = verifier.verify_service(&token, noon());
    assert_eq!(service.as_deref(), Ok("notification"));
}

#[test]
fn a_service_needs_a_name() {
    let refused = parties().signer.issue_service("", noon(), ACCESS_LIFETIME);
    assert_eq!(refused, Err(TokenError::Claims("sub is empty")));
}

#[test]
fn the_claims_and_the_footer_are_those_documented() {
    let parties = parties();
    let token = parties
        .signer
        .issue(&alice(), noon(), ACCESS_LIFETIME)
        .unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts[..2], ["v4", "public"]);

    let signed = BASE64_URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let claims: Value = serde_json::from_slice(&signed[..signed.len() - 64]).unwrap();
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "trolleybus",
            "aud": "trolleybus",
            "typ": "access",
            "sub": "00000000-0000-0000-0000-0000000a11ce",
            "sid": "00000000-0000-0000-0000-000000005e55",
            "roles": ["admin", "user"],
            "scope": "orders.read orders.write",
            "epoch": u64::MAX,
            "iat": "2025-11-24T16:00:00Z",
            "nbf": "2025-11-24T16:00:00Z",
            "exp": "2025-11-24T16:15:00Z",
        })
    );

    let footer = BASE64_URL_SAFE_NO_PAD.decode(parts[3]).unwrap();
    let footer: Value = serde_json::from_slice(&footer).unwrap();
    let (kid, public) = parties.signer.verifier().public_keys().remove(0);
    assert_eq!(footer, serde_json::json!({ "kid": kid }));
    assert!(kid.starts_with("k4.pid."));
    assert_eq!(public, parties.keys.access_public);
    assert_eq!(parties.signer.public_paserk(), parties.keys.access_public);
}

#[test]
fn a_token_lives_until_its_end_and_the_leeway() {
    let parties = parties();
    let token = parties
        .signer
        .issue(&alice(), noon(), ACCESS_LIFETIME)
        .unwrap();
    let service = parties
        .signer
        .issue_service("user", noon(), ACCESS_LIFETIME)
        .unwrap();
    let end = noon() + ACCESS_LIFETIME + CLOCK_LEEWAY;
    let tick = Duration::from_nanos(1);
    // Both with an empty cache and after a hit.
    for verifier in [parties.signer.verifier(), {
        let warm = parties.signer.verifier();
        warm.verify(&token, noon()).unwrap();
        warm.verify_service(&service, noon()).unwrap();
        warm
    }] {
        let outcome = |now: SystemTime| {
            let access = verifier.verify(&token, now).map(drop);
            assert_eq!(verifier.verify_service(&service, now).map(drop), access);
            access
        };
        assert_eq!(outcome(noon() - CLOCK_LEEWAY), Ok(()));
        assert_eq!(
            outcome(noon() - CLOCK_LEEWAY - tick),
            Err(TokenError::NotYetValid)
        );
        assert_eq!(outcome(end - tick), Ok(()));
        assert_eq!(outcome(end), Err(TokenError::Expired));
    }
}

#[test]
fn a_token_that_nobody_would_accept_is_not_issued() {
    let identity = Identity {
        roles: vec!["r".repeat(MAX_TOKEN_BYTES)],
        ..alice()
    };
    let signer = parties().signer;
    let refused = signer.issue(&identity, noon(), ACCESS_LIFETIME);
    assert_eq!(refused, Err(TokenError::TooLong));
    let refused = signer.issue(&alice(), noon(), Duration::MAX);
    assert_eq!(refused, Err(TokenError::Time));
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let refused = signer.issue(&alice(), early, ACCESS_LIFETIME);
    assert_eq!(refused, Err(TokenError::Time));
}

#[test]
fn debug_prints_key_identifiers_and_no_keys() {
    let parties = parties();
    let printed = format!(
        "{:?} {:?} {:?}",
        parties.signer,
        parties.signer.verifier(),
        parties.refresh
    );
    assert!(printed.contains("k4.pid.") && printed.contains("k4.lid."));
    for key in [&parties.keys.access_secret, &parties.keys.refresh] {
        let data = key.rsplit('.').next().unwrap();
        assert!(!printed.contains(data));
    }
}
