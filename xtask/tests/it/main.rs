//! `cargo xtask` as its users run it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

#[cfg(feature = "infra")]
mod bench;
#[cfg(feature = "infra")]
mod infra;
mod usage;
