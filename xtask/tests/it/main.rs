//! `cargo xtask` as its users run it.

#[cfg(feature = "infra")]
mod infra;
mod usage;
