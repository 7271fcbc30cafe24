//! Contracts in, violations out.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails should end its test there"
)]

mod build;
mod contracts;
mod hostile;
mod messages;
mod presence;
mod rules;
mod support;
