//! An account to call the platform with.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::system::request;

/// The address that accounts are made with here.
pub(crate) const EMAIL: &str = "load@example.com";
/// Their password.
pub(crate) const PASSWORD: &str = "correct-Horse-7-battery";

/// Registers the account at the gateway, logs in and returns the access token.
///
/// # Errors
/// When the gateway refuses; the error has its answer.
pub(crate) fn sign_up(http: SocketAddr) -> Result<String> {
    let register = json!({ "email": EMAIL, "password": PASSWORD, "name": "Load" }).to_string();
    let answer = request(http, "POST", "/api/v1/auth/register", "", &register)?;
    if !(200..300).contains(&answer.status) {
        bail!(
            "registering was answered with {}: {}",
            answer.status,
            answer.body
        );
    }
    let login = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let answer = request(http, "POST", "/api/v1/auth/login", "", &login)?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let token = body["accessToken"].as_str().map(str::to_owned);
    token.with_context(|| {
        format!(
            "logging in was answered with {}: {}",
            answer.status, answer.body
        )
    })
}
