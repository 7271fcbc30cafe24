//! A gateway on a port, spoken to in bytes. No service of the platform is behind it: what is tested
//! here is the edge.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod edge;
mod harness;
mod stopping;
mod upstreams;
