//! A token of one purpose must never serve as another.

use pasetors::keys::{AsymmetricSecretKey, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk as _, Id};
use pasetors::version4::{LocalToken, PublicToken, V4};
use serde_json::{Value, json};
use token::{ACCESS_LIFETIME, REFRESH_LIFETIME, TokenError};
use uuid::Uuid;

use crate::support::{Parties, alice, noon, parties};

const ACCESS: &[u8] = b"trolleybus:access:v1";
const SERVICE: &[u8] = b"trolleybus:service:v1";
const REFRESH: &[u8] = b"trolleybus:refresh:v1";

/// Claims that would do for any purpose but for `typ`.
fn claims(typ: &str) -> Value {
    json!({
        "iss": "trolleybus",
        "aud": "trolleybus",
        "typ": typ,
        "sub": alice().user_id.to_string(),
        "sid": alice().session_id.to_string(),
        "roles": ["admin"],
        "epoch": 1,
        "gen": 1,
        "secret": "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio",
        "iat": "2025-11-24T16:00:00Z",
        "nbf": "2025-11-24T16:00:00Z",
        "exp": "2025-11-24T16:15:00Z",
    })
}

fn footer(id: &Id) -> String {
    let mut kid = String::new();
    id.fmt(&mut kid).unwrap();
    json!({ "kid": kid }).to_string()
}

/// Signs with the right key whatever an attacker could want signed.
fn sign(parties: &Parties, claims: &Value, assertion: &[u8]) -> String {
    let key = AsymmetricSecretKey::<V4>::try_from(parties.keys.access_secret.as_str()).unwrap();
    let public = pasetors::keys::AsymmetricPublicKey::<V4>::try_from(&key).unwrap();
    let footer = footer(&Id::from(&public));
    let claims = claims.to_string();
    PublicToken::sign(
        &key,
        claims.as_bytes(),
        Some(footer.as_bytes()),
        Some(assertion),
    )
    .unwrap()
}

fn seal(parties: &Parties, claims: &Value, assertion: &[u8]) -> String {
    let key = SymmetricKey::<V4>::try_from(parties.keys.refresh.as_str()).unwrap();
    let footer = footer(&Id::from(&key));
    let claims = claims.to_string();
    LocalToken::encrypt(
        &key,
        claims.as_bytes(),
        Some(footer.as_bytes()),
        Some(assertion),
    )
    .unwrap()
}

#[test]
fn the_forged_tokens_would_pass_if_they_were_right() {
    let parties = parties();
    let verifier = parties.signer.verifier();
    let access = sign(&parties, &claims("access"), ACCESS);
    assert_eq!(verifier.verify(&access, noon()).map(drop), Ok(()));
    let service = sign(&parties, &claims("service"), SERVICE);
    assert_eq!(verifier.verify_service(&service, noon()).map(drop), Ok(()));
    let refresh = seal(&parties, &claims("refresh"), REFRESH);
    assert_eq!(parties.refresh.open(&refresh, noon()).map(drop), Ok(()));
}

#[test]
fn an_issued_token_passes_for_its_own_purpose_alone() {
    let parties = parties();
    let verifier = parties.signer.verifier();
    let access = parties
        .signer
        .issue(&alice(), noon(), ACCESS_LIFETIME)
        .unwrap();
    let service = parties
        .signer
        .issue_service("user", noon(), ACCESS_LIFETIME)
        .unwrap();
    let refresh = parties
        .refresh
        .issue(
            Uuid::nil(),
            1,
            &[1; 32],
            &[],
            noon(),
            noon() + REFRESH_LIFETIME,
        )
        .unwrap();
    let wrong = Some(TokenError::WrongPurpose);
    // Twice: what one purpose remembers must not serve another.
    for _ in 0..2 {
        assert_eq!(verifier.verify(&access, noon()).err(), None);
        assert_eq!(verifier.verify(&service, noon()).err(), wrong);
        assert_eq!(verifier.verify(&refresh, noon()).err(), wrong);
        assert_eq!(verifier.verify_service(&service, noon()).err(), None);
        assert_eq!(verifier.verify_service(&access, noon()).err(), wrong);
        assert_eq!(verifier.verify_service(&refresh, noon()).err(), wrong);
        assert_eq!(parties.refresh.open(&refresh, noon()).err(), None);
        assert_eq!(parties.refresh.open(&access, noon()).err(), wrong);
        assert_eq!(parties.refresh.open(&service, noon()).err(), wrong);
    }
}

#[test]
fn the_assertion_alone_keeps_purposes_apart() {
    let parties = parties();
    let verifier = parties.signer.verifier();
    let invalid = Some(TokenError::Invalid);
    let others: [&[u8]; 4] = [b"", ACCESS, SERVICE, REFRESH];
    for other in others {
        if other != ACCESS {
            let token = sign(&parties, &claims("access"), other);
            assert_eq!(verifier.verify(&token, noon()).err(), invalid);
        }
        if other != SERVICE {
            let token = sign(&parties, &claims("service"), other);
            assert_eq!(verifier.verify_service(&token, noon()).err(), invalid);
        }
        if other != REFRESH {
            let token = seal(&parties, &claims("refresh"), other);
            assert_eq!(parties.refresh.open(&token, noon()).err(), invalid);
        }
    }
}

#[test]
fn the_typ_claim_alone_keeps_purposes_apart() {
    let parties = parties();
    let verifier = parties.signer.verifier();
    let wrong = Some(TokenError::WrongPurpose);
    for typ in ["access", "service", "refresh", "other"] {
        if typ != "access" {
            let token = sign(&parties, &claims(typ), ACCESS);
            assert_eq!(verifier.verify(&token, noon()).err(), wrong);
        }
        if typ != "service" {
            let token = sign(&parties, &claims(typ), SERVICE);
            assert_eq!(verifier.verify_service(&token, noon()).err(), wrong);
        }
        if typ != "refresh" {
            let token = seal(&parties, &claims(typ), REFRESH);
            assert_eq!(parties.refresh.open(&token, noon()).err(), wrong);
        }
    }
}

#[test]
fn a_claim_that_is_missing_or_odd_is_refused() {
    let parties = parties();
    let verifier = parties.signer.verifier();
    for claim in [
        "iss", "aud", "typ", "sub", "sid", "roles", "epoch", "iat", "nbf", "exp",
    ] {
        for odd in [None, Some(Value::Null), Some(json!(-1)), Some(json!("odd"))] {
            let mut claims = claims("access");
            let map = claims.as_object_mut().unwrap();
            match &odd {
                None => drop(map.remove(claim)),
                Some(value) => drop(map.insert(claim.into(), value.clone())),
            }
            let token = sign(&parties, &claims, ACCESS);
            let refused = verifier.verify(&token, noon()).unwrap_err();
            assert!(
                matches!(refused, TokenError::Claims(_) | TokenError::WrongPurpose),
                "{claim} as {odd:?}: {refused}"
            );
        }
    }
    // What is not there is none; what is there must be text.
    let mut unscoped = claims("access");
    unscoped.as_object_mut().unwrap().remove("scope");
    let token = sign(&parties, &unscoped, ACCESS);
    let read = verifier.verify(&token, noon()).unwrap();
    assert_eq!(read.identity.scopes, [""; 0]);
    unscoped["scope"] = json!(["a"]);
    let token = sign(&parties, &unscoped, ACCESS);
    let refused = verifier.verify(&token, noon()).unwrap_err();
    assert!(matches!(refused, TokenError::Claims(_)), "{refused}");
    for claim in ["sid", "gen", "secret", "iat", "exp"] {
        let mut claims = claims("refresh");
        claims
            .as_object_mut()
            .unwrap()
            .insert(claim.into(), json!("odd"));
        let token = seal(&parties, &claims, REFRESH);
        let refused = parties.refresh.open(&token, noon()).unwrap_err();
        assert!(
            matches!(refused, TokenError::Claims(_)),
            "{claim}: {refused}"
        );
    }
}

#[test]
fn claims_that_are_not_known_yet_do_no_harm() {
    let parties = parties();
    let mut claims = claims("access");
    claims
        .as_object_mut()
        .unwrap()
        .insert("new".into(), json!({"a": 1}));
    let token = sign(&parties, &claims, ACCESS);
    let verifier = parties.signer.verifier();
    assert_eq!(verifier.verify(&token, noon()).err(), None);
}
