//! Tampered, cut, huge and random tokens: refused, without a panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use token::{ACCESS_LIFETIME, AccessVerifier, MAX_TOKEN_BYTES, TokenError};
use uuid::Uuid;

use crate::support::{Parties, alice, noon, parties};

struct Issued {
    parties: Parties,
    verifier: AccessVerifier,
    access: String,
    service: String,
    refresh: String,
}

/// Made once: what is under test is the reading.
static ISSUED: LazyLock<Issued> = LazyLock::new(|| {
    let parties = parties();
    let signer = &parties.signer;
    Issued {
        verifier: signer.verifier(),
        access: signer.issue(&alice(), noon(), ACCESS_LIFETIME).unwrap(),
        service: signer
            .issue_service("user", noon(), ACCESS_LIFETIME)
            .unwrap(),
        refresh: parties
            .refresh
            .issue(
                Uuid::nil(),
                1,
                &[1; 32],
                &[],
                noon(),
                noon() + ACCESS_LIFETIME,
            )
            .unwrap(),
        parties,
    }
});

impl Issued {
    /// What each reader says of `token`.
    fn read(&self, token: &str) -> [Result<(), TokenError>; 3] {
        [
            self.verifier.verify(token, noon()).map(drop),
            self.verifier.verify_service(token, noon()).map(drop),
            self.parties.refresh.open(token, noon()).map(drop),
        ]
    }
}

#[test]
fn a_huge_token_is_refused_for_its_length() {
    let huge = format!("{}{}", ISSUED.access, "A".repeat(MAX_TOKEN_BYTES));
    assert_eq!(ISSUED.read(&huge), [Err(TokenError::TooLong); 3]);
    let megabytes = "v4.public.".repeat(1 << 20);
    assert_eq!(ISSUED.read(&megabytes), [Err(TokenError::TooLong); 3]);
}

#[test]
fn what_is_no_token_is_malformed() {
    for junk in [
        "",
        ".",
        "...",
        "Bearer",
        "v4",
        "v3.public.AAAA.AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "\0",
        "é",
    ] {
        assert_eq!(ISSUED.read(junk), [Err(TokenError::Malformed); 3], "{junk}");
    }
}

#[test]
fn a_token_without_footer_or_with_a_fifth_part_is_malformed() {
    let access = &ISSUED.access;
    let (no_footer, footer) = access.rsplit_once('.').unwrap();
    for token in [
        no_footer.to_owned(),
        format!("{no_footer}."),
        format!("{access}."),
        format!("{access}.{footer}"),
        format!("{access} "),
        format!("v4.public..{footer}"),
    ] {
        let refused = ISSUED.verifier.verify(&token, noon());
        assert_eq!(refused.err(), Some(TokenError::Malformed), "{token}");
    }
}

#[test]
fn a_payload_shorter_than_its_signature_or_seal_is_malformed() {
    let footer = ISSUED.access.rsplit_once('.').unwrap().1;
    let lid = ISSUED.refresh.rsplit_once('.').unwrap().1;
    for length in 0..90 {
        let payload = "A".repeat(length);
        let refused = ISSUED
            .verifier
            .verify(&format!("v4.public.{payload}.{footer}"), noon());
        assert!(refused.is_err());
        let refused = ISSUED
            .parties
            .refresh
            .open(&format!("v4.local.{payload}.{lid}"), noon());
        assert!(refused.is_err());
    }
}

proptest! {
    #[test]
    fn a_token_with_one_character_changed_is_refused(
        which in 0_usize..3,
        place in any::<prop::sample::Index>(),
        other in any::<char>(),
    ) {
        let token = [&ISSUED.access, &ISSUED.service, &ISSUED.refresh][which];
        let place = place.index(token.len());
        let mut changed = token[..place].to_owned();
        changed.push(other);
        changed.push_str(&token[place + 1..]);
        prop_assume!(&changed != token);
        prop_assert!(ISSUED.read(&changed).iter().all(Result::is_err));
        // The untouched one still passes, so it was not a rule about everything.
        prop_assert!(ISSUED.read(token)[which].is_ok());
    }

    #[test]
    fn a_token_with_one_bit_of_its_bytes_flipped_is_refused(
        which in 0_usize..3,
        part in 2_usize..4,
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        use base64::Engine as _;
        use base64::prelude::BASE64_URL_SAFE_NO_PAD;
        let token = [&ISSUED.access, &ISSUED.service, &ISSUED.refresh][which];
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        parts[part] = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
        prop_assert!(ISSUED.read(&parts.join(".")).iter().all(Result::is_err));
    }

    #[test]
    fn a_cut_token_is_refused(which in 0_usize..3, place in any::<prop::sample::Index>()) {
        let token = [&ISSUED.access, &ISSUED.service, &ISSUED.refresh][which];
        let cut = &token[..place.index(token.len())];
        prop_assert!(ISSUED.read(cut).iter().all(Result::is_err));
    }

    #[test]
    fn no_text_passes_or_panics(text in "(v4\\.(public|local)\\.)?[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(ISSUED.read(&text).iter().all(Result::is_err));
    }

    #[test]
    fn no_text_at_all_passes_or_panics(text in any::<String>()) {
        prop_assert!(ISSUED.read(&text).iter().all(Result::is_err));
    }
}
