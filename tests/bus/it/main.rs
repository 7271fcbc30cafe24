//! What the bus promises while something fails: on real processes and a set of three Kafka brokers
//! that is started once for all cases.
//!
//! Each case is a test named after its promise. After each, [`harness::check`] looks at what must
//! hold after all of them. Counts are small by default; with `TROLLEYBUS_SOAK=1` they are those of
//! `cargo xtask soak bus`, which also collects the figures that each case gives.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod cases;
mod harness;
