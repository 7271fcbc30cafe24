//! The layers around a real service, as both transports call it, and the admin port.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod harness;
mod idempotency;
mod layers;
mod streams;
mod traces;
