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

/// Whether the service said that it has no more time to hash passwords, in the way that it should.
fn is_shed(answer: &Answer) -> bool {
    if answer.status != 503 {
        return false;
    }
    answer.refused(503, "HASHER_BUSY");
    assert!(answer.header("retry-after").is_some());
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
    assert_eq!(
        won.len(),
        1,
        "{:?}",
        lost.iter().map(|answer| answer.text()).collect::<Vec<_>>()
    );
    for answer in lost {
        if !is_shed(answer) {
            answer.refused(409, "EMAIL_TAKEN");
        }
    }
    platform.mail_to(&account.email).await;
    platform.client.login(&account).await.json(200);
}
