//! Access, refresh and service tokens: keys, claims, issue and verification.
//!
//! Tokens are [PASETO](https://github.com/paseto-standard/paseto-spec) version 4 and keys are
//! [PASERK](https://github.com/paseto-standard/paserk):
//!
//! | Token | Kind | Says | Made by | Checked by |
//! |---|---|---|---|---|
//! | access | `v4.public` | who calls, in which session, with which roles and scopes | [`AccessSigner::issue`] | [`AccessVerifier::verify`] |
//! | service | `v4.public` | which service calls | [`AccessSigner::issue_service`] | [`AccessVerifier::verify_service`] |
//! | refresh | `v4.local` | which generation of which session to renew | [`RefreshKeys::issue`] | [`RefreshKeys::open`] |
//!
//! No token can serve as another: each purpose has its own implicit assertion, which is signed or
//! sealed but never sent, and its own `typ` claim. The footer names the key
//! (`{"kid":"k4.pid.…"}`), so several keys can verify while one signs, and keys rotate without
//! logging anyone out.
//!
//! A token that verifies is authentic and in date, no more. Whether its session is revoked or its
//! [epoch](Identity::auth_epoch) outdated is for the caller to ask, at every call.
//!
//! There is no clock in this crate: `now` is a parameter everywhere.

mod access;
mod cache;
mod claims;
mod envelope;
mod error;
mod identity;
mod keys;
mod purpose;
mod refresh;
mod scope;
mod service;
mod signer;
mod timestamp;
mod verifier;

use std::time::Duration;

pub use error::{KeyError, TokenError};
pub use identity::{AccessClaims, Identity};
pub use keys::generate::{KeySet, generate};
pub use refresh::{RefreshClaims, RefreshKeys};
pub use signer::AccessSigner;
pub use verifier::AccessVerifier;

/// The scope that stands for every scope: of a token that may do all that its user may.
pub const EVERY_SCOPE: &str = "*";

/// How long an access token lives unless configured otherwise.
pub const ACCESS_LIFETIME: Duration = Duration::from_mins(15);

/// How long a refresh token lives unless configured otherwise.
pub const REFRESH_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// How far two clocks may differ: granted on both ends of a token's life.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(5);

/// Longest token that is looked at, in bytes. Longer ones are refused before any work, and never
/// issued.
pub const MAX_TOKEN_BYTES: usize = 4096;
