//! Many at once.

use crate::harness::{Account, Answer, Client, Platform};

/// How many people come at once.
const CROWD: usize = 50;

/// How many of them want the same address.
const RIVALS: usize = 20;

/// What all of these answer, in order.
async fn all<F>(calls: impl IntoIterator<Item = F>) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

/// Whether a call was not answered because so many came, in the way that it should be said. Which part
/// of the platform says so is a matter of the machine: the service that has no more time to hash
/// passwords, whatever it needs, or the deadline (504), after which nobody knows what became of it.
fn is_shed(answer: &Answer) -> bool {
    if ![503, 504].contains(&answer.status) {
        return false;
    }
    let body = answer.json(answer.status);
    let mut details = body["details"].as_array().unwrap().iter();
    let reason = details.find_map(|detail| detail["reason"].as_str());
    answer.refused(answer.status, reason.unwrap());
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 503);
    true
}

pub(crate) async fn a_crowd_is_answered(platform: Platform) {
    let accounts: Vec<_> = (0..CROWD).map(|_| Account::new("crowd")).collect();
    let call = |client: &Client, account: &Account| (client.clone(), account.clone());
    let registered = all(accounts.iter().map(|account| {
        let (client, account) = call(&platform.client, account);
        async move { client.register(&account).await }
    }))
    .await;
    let mut welcome = Vec::new();
    for (account, answer) in accounts.iter().zip(&registered) {
        if !is_shed(answer) {
            assert_eq!(answer.json(201)["user"]["email"], account.email);
            welcome.push(account);
        }
    }
    assert!(!welcome.is_empty());
    let logged_in = all(accounts.iter().map(|account| {
        let (client, account) = call(&platform.client, account);
        async move { client.login(&account).await }
    }))
    .await;
    for ((account, registered), answer) in accounts.iter().zip(&registered).zip(&logged_in) {
        match registered.status {
            _ if is_shed(answer) => {}
            201 => assert_eq!(answer.json(200)["user"]["email"], account.email),
            504 if answer.status == 200 => {}
            _ => drop(answer.refused(401, "INVALID_CREDENTIALS")),
        }
    }
    for account in welcome {
        platform.mail_to(&account.email).await;
    }
}

pub(crate) async fn one_of_many_gets_an_address(platform: Platform) {
    let account = Account::new("rival");
    let answers = all((0..RIVALS).map(|_| {
        let (client, account) = (platform.client.clone(), account.clone());
        async move { client.register(&account).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    let texts: Vec<_> = lost.iter().map(|answer| answer.text()).collect();
    let mut is_known = !won.is_empty();
    for answer in &lost {
        if !is_shed(answer) {
            answer.refused(409, "EMAIL_TAKEN");
            is_known = true;
        }
    }
    // The one that got it may be among those that were not told in time.
    let untold = lost.iter().any(|answer| answer.status == 504);
    assert!(won.len() == 1 || (won.is_empty() && untold), "{texts:?}");
    if !is_known {
        return;
    }
    platform.mail_to(&account.email).await;
    platform.client.login(&account).await.json(200);
}
