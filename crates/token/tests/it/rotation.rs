use token::{ACCESS_LIFETIME, AccessSigner, AccessVerifier, KeyError, RefreshKeys, TokenError};
use uuid::Uuid;

use crate::support::{alice, noon, parties};

#[test]
fn a_verifier_of_old_and_new_keys_takes_tokens_of_both() {
    let (old, new) = (parties(), parties());
    let both = format!("{}, {} ", new.keys.access_secret, old.keys.access_public);
    let verifier = AccessVerifier::from_paserk(&both).unwrap();
    for signer in [&old.signer, &new.signer] {
        let token = signer.issue(&alice(), noon(), ACCESS_LIFETIME).unwrap();
        assert_eq!(verifier.verify(&token, noon()).err(), None);
    }
    let published: Vec<_> = verifier
        .public_keys()
        .into_iter()
        .map(|key| key.1)
        .collect();
    assert_eq!(published, [new.keys.access_public, old.keys.access_public]);
}

#[test]
fn a_signer_of_several_keys_signs_with_the_first_and_accepts_all() {
    let (old, new) = (parties(), parties());
    let both = format!("{},{}", new.keys.access_secret, old.keys.access_public);
    let rotated = AccessSigner::from_paserk(&both).unwrap();
    let token = rotated.issue(&alice(), noon(), ACCESS_LIFETIME).unwrap();
    assert_eq!(new.signer.verifier().verify(&token, noon()).err(), None);
    for signer in [&old.signer, &rotated] {
        let token = signer.issue(&alice(), noon(), ACCESS_LIFETIME).unwrap();
        assert_eq!(rotated.verifier().verify(&token, noon()).err(), None);
    }
    let public_first = format!("{},{}", old.keys.access_public, new.keys.access_secret);
    let refused = AccessSigner::from_paserk(&public_first).unwrap_err();
    assert!(matches!(refused, KeyError::Kind { .. }), "{refused}");
    let half = format!("{},", new.keys.access_secret);
    let refused = AccessSigner::from_paserk(&half).unwrap_err();
    assert!(matches!(refused, KeyError::Missing { .. }), "{refused}");
}

#[test]
fn a_retired_key_is_unknown() {
    let (old, new) = (parties(), parties());
    let token = old.signer.issue(&alice(), noon(), ACCESS_LIFETIME).unwrap();
    let refused = new.signer.verifier().verify(&token, noon());
    assert_eq!(refused.err(), Some(TokenError::UnknownKey));
}

#[test]
fn the_first_refresh_key_seals_and_all_open() {
    let (old, new) = (parties(), parties());
    let both = format!("{},{}", new.keys.refresh, old.keys.refresh);
    let rotated = RefreshKeys::from_paserk(&both).unwrap();
    let issue = |keys: &RefreshKeys| {
        keys.issue(
            Uuid::nil(),
            1,
            &[1; 32],
            &[],
            noon(),
            noon() + ACCESS_LIFETIME,
        )
        .unwrap()
    };
    assert_eq!(rotated.open(&issue(&old.refresh), noon()).err(), None);
    assert_eq!(new.refresh.open(&issue(&rotated), noon()).err(), None);
    let refused = old.refresh.open(&issue(&rotated), noon());
    assert_eq!(refused.err(), Some(TokenError::UnknownKey));
}

#[test]
fn a_key_listed_twice_counts_once() {
    let keys = parties().keys;
    let twice = format!("{},{}", keys.access_secret, keys.access_public);
    let verifier = AccessVerifier::from_paserk(&twice).unwrap();
    assert_eq!(verifier.public_keys().len(), 1);
}

#[test]
fn bad_lists_are_refused_with_what_to_give() {
    let keys = parties().keys;
    for list in ["", " ", ",", &format!("{},", keys.access_public)] {
        let refused = AccessVerifier::from_paserk(list).unwrap_err();
        assert!(matches!(refused, KeyError::Missing { .. }), "{list:?}");
    }
    for list in ["", &format!(",{}", keys.refresh)] {
        let refused = RefreshKeys::from_paserk(list).unwrap_err();
        assert!(matches!(refused, KeyError::Missing { .. }), "{list:?}");
    }
    let refused = AccessVerifier::from_paserk(&keys.refresh).unwrap_err();
    assert!(matches!(refused, KeyError::Kind { .. }));
    let refused = AccessSigner::from_paserk(&keys.access_public).unwrap_err();
    assert!(matches!(refused, KeyError::Kind { .. }));
    let refused = RefreshKeys::from_paserk(&keys.access_secret).unwrap_err();
    assert!(matches!(refused, KeyError::Kind { .. }));
    for error in [
        AccessVerifier::from_paserk(&format!("{}A", keys.access_public)).unwrap_err(),
        AccessSigner::from_paserk(&keys.access_secret[..40]).unwrap_err(),
    ] {
        assert!(matches!(
            error,
            KeyError::Encoding | KeyError::Length { .. }
        ));
        assert!(!error.to_string().contains(&keys.access_secret[10..20]));
    }
}
