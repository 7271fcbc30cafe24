//! A gateway on a port, spoken to in bytes. No service of the platform is behind it: what is tested
//! here is the edge.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(
    clippy::print_stdout,
    reason = "figures are for whoever runs the tests"
)]

/// What the gateway's program has, so that memory is measured with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod answers;
mod connections;
mod edge;
mod endings;
mod figures;
mod harness;
mod hostile;
mod options;
mod policy;
mod stopping;
mod tls;
mod upstreams;
