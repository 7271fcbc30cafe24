//! Addresses that are taken, and people whom nobody knows.

use super::{LOGIN, check, post, registration};
use crate::harness::{Account, Answer, Platform};

pub(crate) async fn what_is_taken_or_unknown_is_refused(mut platform: Platform) {
    let account = Account::new("ada");
    platform.client.registered(&account).await;
    let quoted = |text: &str| format!("\"{text}\"");
    let again = |email: &str| registration(&quoted(email), "\"another passphrase\"", "\"Eve\"");
    let login = |email: &str, password: &str| {
        post(
            LOGIN,
            format!(r#"{{"email":"{email}","password":"{password}"}}"#),
        )
    };
    let stranger = Account::new("eve");
    let cases = vec![
        (
            "the same address",
            again(&account.email),
            409,
            "EMAIL_TAKEN",
        ),
        (
            "in capitals",
            again(&account.email.to_uppercase()),
            409,
            "EMAIL_TAKEN",
        ),
        (
            "a wrong password",
            login(&account.email, "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "an unknown user",
            login(&stranger.email, "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "no address",
            login("nobody", "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "another case",
            login(&account.email, &account.password.to_uppercase()),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "a space more",
            login(&account.email, &format!("{} ", account.password)),
            401,
            "INVALID_CREDENTIALS",
        ),
    ];
    let answers = check(&mut platform, cases).await;
    let comparable = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for own in ["x-request-id", "date"] {
            headers.remove(own);
        }
        (answer.body.clone(), headers)
    };
    // Nobody learns whether an address has an account.
    assert!(
        answers[2..]
            .iter()
            .all(|answer| comparable(answer) == comparable(&answers[2]))
    );
    // The address is one whatever its case; the password is not.
    let capitals = Account {
        email: account.email.to_uppercase(),
        ..account
    };
    platform.client.login(&capitals).await.json(200);
}
