//! What nobody should send: each is refused with the right status, in the one error shape, and
//! leaves nothing behind.

use crate::harness::{Account, Answer, Platform, Process, raw};

mod accounts;
mod bodies;
mod paths;
mod tokens;

pub(crate) use accounts::what_is_taken_or_unknown_is_refused;
pub(crate) use bodies::{
    bodies_of_the_wrong_size_or_form_are_refused, bodies_that_are_no_request_are_refused,
};
pub(crate) use paths::{
    headers_without_end_are_refused, paths_and_methods_that_do_not_exist_are_refused,
};
pub(crate) use tokens::tokens_that_are_not_good_are_refused;

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const PROFILE: &str = "/api/v1/auth/profile";

/// The head of a request up to its own headers.
fn head(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").into_bytes()
}

/// A whole request.
fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(method, path);
    for header in headers {
        bytes.extend(header.as_bytes());
        bytes.extend(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// A JSON body, posted.
fn post(path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    request(
        "POST",
        path,
        &["content-type: application/json"],
        body.as_ref(),
    )
}

/// A registration with these fields as they are written.
fn registration(email: &str, password: &str, name: &str) -> Vec<u8> {
    post(
        REGISTER,
        format!(r#"{{"email":{email},"password":{password},"name":{name}}}"#),
    )
}

/// What was sent, for messages.
type Case = (&'static str, Vec<u8>, u16, &'static str);

/// Sends each case, checks its answer, and that nothing was written.
async fn check(platform: &mut Platform, cases: Vec<Case>) -> Vec<Answer> {
    let database = platform.database().await;
    let before = database.counts().await;
    let mut answers = Vec::new();
    for (name, bytes, status, reason) in cases {
        let answer = raw::exchange(&platform.client.url, &bytes).await;
        println!("{name}: {} {}", answer.status, answer.text());
        answer.refused(status, reason);
        answers.push(answer);
    }
    assert_eq!(database.counts().await, before);
    assert!(platform.all().into_iter().all(Process::is_alive));
    let account = Account::new("after");
    platform.client.registered(&account).await;
    platform.client.login(&account).await.json(200);
    answers
}
