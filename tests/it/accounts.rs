//! Sign-up, sign-in, refresh and the profile over REST, and the mail that follows.

use serde_json::Value;

use crate::harness::{Account, Platform};

/// The keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// A text field.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field}: {value}"))
}

pub(crate) async fn a_new_account_signs_in_and_refreshes(platform: Platform) {
    let (client, account) = (&platform.client, Account::new("ada"));

    let registered = client.registered(&account).await;
    assert_eq!(keys(&registered), ["accessToken", "refreshToken", "user"]);
    let user = &registered["user"];
    assert_eq!(
        keys(user),
        ["createdAt", "email", "id", "name", "roles", "updatedAt"]
    );
    assert_eq!(text(user, "email"), account.email);
    assert_eq!(text(user, "name"), account.name);
    assert_eq!(user["roles"], Value::Array(vec![]));
    assert!(uuid::Uuid::parse_str(text(user, "id")).is_ok());
    assert!(text(&registered, "accessToken").starts_with("v4.public."));
    assert!(text(&registered, "refreshToken").starts_with("v4.local."));

    let logged_in = client.login(&account).await.json(200);
    assert_eq!(keys(&logged_in), ["accessToken", "refreshToken", "user"]);
    assert_eq!(&logged_in["user"], user);
    assert_ne!(logged_in["refreshToken"], registered["refreshToken"]);
    for token in [
        text(&registered, "accessToken"),
        text(&logged_in, "accessToken"),
    ] {
        assert_eq!(&client.profile(token).await.json(200), user);
    }

    let refreshed = client
        .refresh(text(&logged_in, "refreshToken"))
        .await
        .json(200);
    assert_eq!(keys(&refreshed), ["accessToken", "refreshToken", "user"]);
    assert_eq!(&refreshed["user"], user);
    assert_ne!(refreshed["refreshToken"], logged_in["refreshToken"]);
    let profile = client.profile(text(&refreshed, "accessToken")).await;
    assert_eq!(&profile.json(200), user);
    // Clients may keep it, and ask whether it has changed.
    assert_eq!(profile.header("cache-control"), Some("private, no-cache"));
    let request = client.request(reqwest::Method::GET, "/api/v1/auth/profile");
    let request = request.bearer_auth(text(&refreshed, "accessToken"));
    let request = request.header("if-none-match", profile.header("etag").unwrap());
    let unchanged = client.send(request).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));

    // The refresh token may also be the bearer token, with no body.
    let path = "/api/v1/auth/refresh";
    let request = client.request(reqwest::Method::POST, path);
    let request = request.bearer_auth(text(&refreshed, "refreshToken"));
    assert_eq!(&client.send(request).await.json(200)["user"], user);
}

pub(crate) async fn every_new_account_is_welcomed_once(platform: Platform) {
    let accounts: Vec<_> = (0..5).map(|_| Account::new("grace")).collect();
    for account in &accounts {
        platform.client.registered(account).await;
        let mail = platform.mail_to(&account.email).await;
        assert!(mail.text.contains(&account.name), "{}", mail.text);
        assert!(!mail.text.contains(&account.password));
    }
    // Each mail came before the next account was made, so a second one would be here by now.
    for account in &accounts {
        assert_eq!(
            platform.mails_to(&account.email).await.len(),
            1,
            "{}",
            account.email
        );
    }
}

pub(crate) async fn health_pages_answer(platform: Platform) {
    let client = &platform.client;
    let health = client.get("/health").await.json(200);
    assert_eq!(health["status"], "ok");
    let dependencies = health["dependencies"].as_object().unwrap();
    assert!(!dependencies.is_empty());
    assert!(
        dependencies.values().all(|state| state["status"] == "up"),
        "{health}"
    );
    assert_eq!(client.get("/livez").await.json(200)["status"], "ok");
    assert_eq!(client.get("/readyz").await.json(200)["status"], "ok");
    let openapi = client.get("/api/openapi.json").await.json(200);
    assert!(openapi["paths"]["/api/v1/auth/register"].is_object());
    assert_eq!(client.get("/api/docs/").await.status, 200);
}
