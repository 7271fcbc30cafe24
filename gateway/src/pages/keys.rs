//! `/.well-known/paseto-keys`: what verifies access tokens, for services that are not of the platform.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use token::AccessVerifier;

/// Where they are.
pub(super) const PATH: &str = "/.well-known/paseto-keys";

/// A key that is replaced goes on verifying for longer than this.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The keys of a verifier, as PASERK: `k4.public` and the `k4.pid` that tokens name them by.
pub(super) fn router(verifier: &AccessVerifier) -> Router {
    let keys = verifier.public_keys().into_iter();
    let keys: Vec<Value> = keys
        .map(|(id, key)| json!({"kid": id, "key": key}))
        .collect();
    let page = Bytes::from(json!({ "keys": keys }).to_string());
    let answer = move || {
        let page = page.clone();
        async move {
            let json = HeaderValue::from_static("application/json");
            let headers = [(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, KEPT)];
            (headers, page)
        }
    };
    Router::new().route(PATH, get(answer))
}
