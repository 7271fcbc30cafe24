//! What is compared.

use std::future::Future;

use anyhow::Result;
use clap::ValueEnum;

use crate::bare::{self, Dress};
use crate::grpc;

/// One of the programs that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// A bare Kafka client whose records carry the headers and the bytes of the bus's.
    Bare,
    /// The same without headers: a key of 8 bytes and the value.
    Plain,
    /// gRPC over the bus.
    Bus,
}

/// The calling end of a side. Clones share its connection.
pub(crate) trait Caller: Clone + Send + 'static {
    /// Sends a request and awaits its reply.
    ///
    /// # Errors
    /// Why there was none.
    fn round_trip(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Ends the connection in order.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// What is done with a caller that is ready.
pub(crate) trait Job {
    /// Does it and prints what was measured.
    ///
    /// # Errors
    /// When nothing could be measured.
    fn run<C: Caller>(&self, caller: &C) -> impl Future<Output = Result<()>>;
}

/// Serves a side until standard input closes.
///
/// # Errors
/// When it cannot start, or fails.
pub(crate) async fn worker(side: Side, brokers: &str) -> Result<()> {
    match side {
        Side::Bare => bare::worker(brokers, Dress::Headers).await,
        Side::Plain => bare::worker(brokers, Dress::Key).await,
        Side::Bus => grpc::worker(brokers).await,
    }
}

/// Connects a side's caller, waits until it is ready, and does a job with it.
///
/// # Errors
/// When it cannot start, or the job fails.
pub(crate) async fn caller(side: Side, brokers: &str, job: &impl Job) -> Result<()> {
    match side {
        Side::Bare => run(bare::BareCaller::start(brokers, Dress::Headers)?, job).await,
        Side::Plain => run(bare::BareCaller::start(brokers, Dress::Key)?, job).await,
        Side::Bus => run(grpc::GrpcCaller::start(brokers).await?, job).await,
    }
}

async fn run(caller: impl Caller, job: &impl Job) -> Result<()> {
    let done = job.run(&caller).await;
    caller.end().await;
    done
}
