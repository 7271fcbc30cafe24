use std::time::Duration;

use token::{CLOCK_LEEWAY, REFRESH_LIFETIME, TokenError};
use uuid::Uuid;

use crate::support::{noon, parties};

const SESSION: Uuid = Uuid::from_u128(0x5E55);
const SECRET: [u8; 32] = [42; 32];

#[test]
fn what_is_sealed_is_what_is_opened() {
    let keys = parties().refresh;
    let end = noon() + REFRESH_LIFETIME;
    let token = keys.issue(SESSION, 3, &SECRET, &[], noon(), end).unwrap();
    assert!(token.starts_with("v4.local."));
    let claims = keys.open(&token, noon()).unwrap();
    assert_eq!(claims.session_id, SESSION);
    assert_eq!(claims.generation, 3);
    assert_eq!(claims.secret, SECRET);
    assert_eq!(claims.issued_at, noon());
    assert_eq!(claims.expires_at, end);
}

#[test]
fn scopes_are_kept_and_are_names() {
    let keys = parties().refresh;
    let end = noon() + REFRESH_LIFETIME;
    let issue = |scopes: &[&str]| {
        let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
        keys.issue(SESSION, 3, &SECRET, &scopes, noon(), end)
    };
    for scopes in [&[][..], &["*"], &["orders.read", "https://a/b#c!~"]] {
        let token = issue(scopes).unwrap();
        assert_eq!(keys.open(&token, noon()).unwrap().scopes, scopes);
    }
    let fault = TokenError::Claims("a scope is not the name of one");
    for scope in ["", "a b", "a\"", "a\\", "ü", "a\n"] {
        assert_eq!(issue(&["ok", scope]), Err(fault), "{scope:?}");
    }
}

#[test]
fn two_seals_of_the_same_differ() {
    let keys = parties().refresh;
    let seal = || {
        keys.issue(SESSION, 3, &SECRET, &[], noon(), noon() + REFRESH_LIFETIME)
            .unwrap()
    };
    assert_ne!(seal(), seal());
}

#[test]
fn debug_prints_no_secret() {
    let keys = parties().refresh;
    let token = keys
        .issue(SESSION, 3, &SECRET, &[], noon(), noon() + REFRESH_LIFETIME)
        .unwrap();
    let printed = format!("{:?}", keys.open(&token, noon()).unwrap());
    assert!(printed.contains("[redacted]") && !printed.contains("42"));
}

#[test]
fn a_token_lives_until_its_end_and_the_leeway() {
    let keys = parties().refresh;
    let end = noon() + REFRESH_LIFETIME;
    let token = keys.issue(SESSION, 3, &SECRET, &[], noon(), end).unwrap();
    let outcome = |now| keys.open(&token, now).map(drop);
    let tick = Duration::from_nanos(1);
    assert_eq!(outcome(noon() - CLOCK_LEEWAY), Ok(()));
    assert_eq!(
        outcome(noon() - CLOCK_LEEWAY - tick),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(outcome(end + CLOCK_LEEWAY - tick), Ok(()));
    assert_eq!(outcome(end + CLOCK_LEEWAY), Err(TokenError::Expired));
}
