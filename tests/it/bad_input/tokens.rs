//! Tokens.

use std::time::{Duration, SystemTime};

use token::{AccessSigner, Identity};
use uuid::Uuid;

use super::{PROFILE, REFRESH, check, post, request};
use crate::accounts::text;
use crate::harness::{Account, Platform};

pub(crate) async fn tokens_that_are_not_good_are_refused(mut platform: Platform) {
    let registered = platform.client.registered(&Account::new("ada")).await;
    let access = text(&registered, "accessToken");
    let refresh = text(&registered, "refreshToken");
    let identity = Identity {
        user_id: Uuid::parse_str(text(&registered["user"], "id")).unwrap(),
        session_id: Uuid::now_v7(),
        roles: Vec::new(),
        scopes: Vec::new(),
        auth_epoch: 1,
    };
    let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
    let signer = &platform.signer;
    let expired = signer.issue(&identity, now - 10 * minute, minute).unwrap();
    let early = signer.issue(&identity, now + 10 * minute, minute).unwrap();
    let service = signer.issue_service("e2e", now, minute).unwrap();
    let stranger = AccessSigner::from_paserk(&token::generate().unwrap().access_secret).unwrap();
    let strange = stranger.issue(&identity, now, minute).unwrap();
    let middle = access.len() / 2;
    let flipped = if access.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let tampered = format!("{}{flipped}{}", &access[..middle], &access[middle + 1..]);

    let profile = |authorization: &str| {
        request(
            "GET",
            PROFILE,
            &[&format!("authorization: {authorization}")],
            b"",
        )
    };
    let bearer = |token: &str| profile(&format!("Bearer {token}"));
    let with_body = |token: &str| post(REFRESH, format!(r#"{{"refreshToken":"{token}"}}"#));
    let cases = vec![
        (
            "no token",
            request("GET", PROFILE, &[], b""),
            401,
            "TOKEN_MISSING",
        ),
        (
            "another scheme",
            profile("Basic YTpi"),
            401,
            "TOKEN_MISSING",
        ),
        ("an empty token", profile("Bearer "), 401, "TOKEN_MISSING"),
        ("nonsense", bearer("nonsense"), 401, "TOKEN_INVALID"),
        (
            "a long one",
            bearer(&"x".repeat(8000)),
            401,
            "TOKEN_INVALID",
        ),
        ("a header only", bearer("v4.public."), 401, "TOKEN_INVALID"),
        ("an expired token", bearer(&expired), 401, "TOKEN_EXPIRED"),
        (
            "a token of the future",
            bearer(&early),
            401,
            "TOKEN_INVALID",
        ),
        (
            "a token of another key",
            bearer(&strange),
            401,
            "TOKEN_INVALID",
        ),
        ("a changed token", bearer(&tampered), 401, "TOKEN_INVALID"),
        ("a service's token", bearer(&service), 401, "TOKEN_INVALID"),
        ("a refresh token", bearer(refresh), 401, "TOKEN_INVALID"),
        (
            "a token in the query",
            request("GET", &format!("{PROFILE}?access_token={access}"), &[], b""),
            400,
            "INVALID_REQUEST",
        ),
        (
            "no refresh token",
            post(REFRESH, "{}"),
            401,
            "TOKEN_MISSING",
        ),
        (
            "an access token at refresh",
            with_body(access),
            401,
            "TOKEN_INVALID",
        ),
        (
            "nonsense at refresh",
            with_body("nonsense"),
            401,
            "TOKEN_INVALID",
        ),
        (
            "a changed refresh token",
            with_body(&refresh.replacen("v4.local.", "v4.local.A", 1)),
            401,
            "TOKEN_INVALID",
        ),
        (
            "an access token as bearer at refresh",
            request(
                "POST",
                REFRESH,
                &[&format!("authorization: Bearer {access}")],
                b"",
            ),
            401,
            "TOKEN_INVALID",
        ),
    ];
    check(&mut platform, cases).await;
    // None of it has hurt the session.
    platform.client.profile(access).await.json(200);
    platform.client.refresh(refresh).await.json(200);
}
