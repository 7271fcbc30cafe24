//! Tokens from issue to verification, and everything that must not pass.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails should end its test there"
)]

mod access;
mod confusion;
mod hostile;
mod refresh;
mod rotation;
mod support;
