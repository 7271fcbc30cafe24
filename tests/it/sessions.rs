//! The life of a session, seen through its refresh tokens.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::accounts::text;
use crate::harness::{Account, Platform};

pub(crate) async fn a_used_refresh_token_gives_the_same_generation_for_a_while(platform: Platform) {
    let client = &platform.client;
    let first = client.registered(&Account::new("ada")).await;
    let claims = |token: &str| {
        let claims = platform
            .refresh_keys
            .open(token, SystemTime::now())
            .unwrap();
        (claims.session_id, claims.generation)
    };
    let second = client.refresh(text(&first, "refreshToken")).await.json(200);
    let again = client.refresh(text(&first, "refreshToken")).await.json(200);
    let (session, generation) = claims(text(&first, "refreshToken"));
    assert_eq!(
        claims(text(&second, "refreshToken")),
        (session, generation + 1)
    );
    assert_eq!(
        claims(text(&again, "refreshToken")),
        (session, generation + 1)
    );
    // Both answers lead on.
    let third = client.refresh(text(&again, "refreshToken")).await.json(200);
    assert_eq!(
        claims(text(&third, "refreshToken")),
        (session, generation + 2)
    );
    client.profile(text(&third, "accessToken")).await.json(200);
}

pub(crate) async fn an_older_refresh_token_ends_the_session_and_its_access_tokens(
    platform: Platform,
) {
    let (client, account) = (&platform.client, Account::new("ada"));
    let first = client.registered(&account).await;
    let other = client.login(&account).await.json(200);
    let second = client.refresh(text(&first, "refreshToken")).await.json(200);
    let third = client
        .refresh(text(&second, "refreshToken"))
        .await
        .json(200);
    client.profile(text(&third, "accessToken")).await.json(200);

    client
        .refresh(text(&first, "refreshToken"))
        .await
        .refused(401, "SESSION_REVOKED");

    client
        .refresh(text(&third, "refreshToken"))
        .await
        .refused(401, "SESSION_REVOKED");
    for tokens in [&first, &second, &third] {
        client
            .profile(text(tokens, "accessToken"))
            .await
            .refused(401, "TOKEN_INVALID");
    }
    // The user's other session is another matter.
    client.profile(text(&other, "accessToken")).await.json(200);
    client.refresh(text(&other, "refreshToken")).await.json(200);
}

/// The `scope` of an access token: it is signed, not sealed.
fn scope(tokens: &Value) -> Value {
    let payload = text(tokens, "accessToken").split('.').nth(2).unwrap();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
    let signature = 64;
    let claims = &payload[..payload.len() - signature];
    serde_json::from_slice::<Value>(claims).unwrap()["scope"].clone()
}

pub(crate) async fn a_session_is_good_for_what_it_was_opened_for(platform: Platform) {
    let (client, account) = (&platform.client, Account::new("ada"));
    assert_eq!(scope(&client.registered(&account).await), "*");
    assert_eq!(scope(&client.login(&account).await.json(200)), "*");

    let mut credentials = account.credentials();
    credentials["scopes"] = json!(["orders.read", "orders.write"]);
    let login = client.post("/api/v1/auth/login", &credentials).await;
    let narrow = login.json(200);
    assert_eq!(scope(&narrow), "orders.read orders.write");
    let refreshed = client
        .refresh(text(&narrow, "refreshToken"))
        .await
        .json(200);
    assert_eq!(scope(&refreshed), "orders.read orders.write");
    // The profile asks for no scope.
    client
        .profile(text(&refreshed, "accessToken"))
        .await
        .json(200);

    for scopes in [
        json!(["a b"]),
        json!([""]),
        json!(["a", "a"]),
        json!(["\"a"]),
    ] {
        credentials["scopes"] = scopes;
        let login = client.post("/api/v1/auth/login", &credentials).await;
        login.refused(400, "INVALID_REQUEST");
    }
}

/// A session that was ended, as the access token that it had, after refresh showed a theft.
pub(crate) async fn ended_session(platform: &Platform) -> String {
    let client = &platform.client;
    let first = client.registered(&Account::new("ada")).await;
    let second = client.refresh(text(&first, "refreshToken")).await.json(200);
    let third = client
        .refresh(text(&second, "refreshToken"))
        .await
        .json(200);
    client
        .refresh(text(&first, "refreshToken"))
        .await
        .refused(401, "SESSION_REVOKED");
    text(&third, "accessToken").to_owned()
}
