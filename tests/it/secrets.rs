//! The canary: what is secret is nowhere but where it must be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nix::sys::signal::Signal;

use crate::accounts::text;
use crate::harness::{Account, PATIENCE, Platform};

/// The forms in which a secret could be written down.
fn forms(secret: &str) -> [Vec<u8>; 4] {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let texts = [
        secret.to_owned(),
        hex,
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    texts.map(String::into_bytes)
}

/// Fails if one of the secrets is in what was written.
fn nowhere(place: &str, written: &[u8], secrets: &[(&str, String)]) {
    for (name, secret) in secrets {
        for form in forms(secret) {
            let found = written.windows(form.len()).any(|window| window == form);
            assert!(!found, "{place} holds {name}");
        }
    }
}

pub(crate) async fn a_secret_is_written_nowhere(mut platform: Platform) {
    let (client, account) = (platform.client.clone(), Account::new("canary"));
    let registered = client.registered(&account).await;
    let logged_in = client.login(&account).await.json(200);
    let refreshed = client
        .refresh(text(&logged_in, "refreshToken"))
        .await
        .json(200);
    client
        .profile(text(&refreshed, "accessToken"))
        .await
        .json(200);
    // It is a secret still when it is sent to the wrong place or in the wrong form.
    let wrong = Account {
        password: format!("{}!", account.password),
        ..account.clone()
    };
    client
        .login(&wrong)
        .await
        .refused(401, "INVALID_CREDENTIALS");
    client.register(&account).await.refused(409, "EMAIL_TAKEN");
    let mut odd = account.registration();
    odd["unknown"] = account.password.clone().into();
    client
        .post("/api/v1/auth/register", &odd)
        .await
        .refused(400, "INVALID_REQUEST");
    odd = account.registration();
    odd["password"] = vec![account.password.clone()].into();
    client
        .post("/api/v1/auth/register", &odd)
        .await
        .refused(400, "INVALID_REQUEST");
    client
        .profile(&account.password)
        .await
        .refused(401, "TOKEN_INVALID");
    client
        .refresh(&account.password)
        .await
        .refused(401, "TOKEN_INVALID");
    let mail = platform.mail_to(&account.email).await;

    let mut secrets = vec![("the password", account.password.clone())];
    for tokens in [&registered, &logged_in, &refreshed] {
        secrets.push(("an access token", text(tokens, "accessToken").to_owned()));
        secrets.push(("a refresh token", text(tokens, "refreshToken").to_owned()));
    }
    nowhere("the mail", mail.text.as_bytes(), &secrets);
    let mut rows = Vec::new();
    #[cfg(feature = "real")]
    if platform.folder().is_none() {
        let database = platform.database().await;
        for table in database.tables().await {
            rows.extend(
                database
                    .texts(&format!("SELECT t::text FROM \"{table}\" t"))
                    .await,
            );
        }
        let records = crate::harness::kafka::everything().await;
        let told = |part: &str| records.iter().filter(|record| record.topic == part).count();
        assert!(told("user.register") > 0 && told("user.validate") > 0);
        for record in &records {
            nowhere(
                &format!("a record of {}", record.topic),
                &record.bytes(),
                &secrets,
            );
        }
    }
    for process in platform.all() {
        process.signal(Signal::SIGTERM);
        assert!(process.exit(PATIENCE).await.0.success());
        let written = process.written().await;
        assert!(!written.is_empty());
        nowhere("a log", written.join("\n").as_bytes(), &secrets);
    }
    if let Some(dir) = platform.folder() {
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                rows.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
            }
        }
    }
    let rows = rows.join("\n");
    assert!(rows.contains(&account.email), "the accounts were not read");
    nowhere("the database", rows.as_bytes(), &secrets);
}
