//! The bus: a generated client over a Kafka channel, a generated server behind a Kafka server.
//!
//! Deadline, MAC, tonic and the layers that a service has are in place.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bus::keys::KeyRing;
use bus::server::ServerOptions;
use bus::{KafkaServer, Settings, topics};
use chassis::contract::Contract;
use chassis::health::Health;
use chassis::layer::{Stacked, catch_panic, deadline, log};
use prost_reflect::DescriptorPool;
use test_contract::service::Echo;
use test_contract::{ECHO, echo};
use tonic::service::Routes;
use tower::Layer as _;

use crate::serve;

mod caller;

pub(crate) use caller::GrpcCaller;

/// Names the callers' reply topic, `reply.bench`.
const APP: &str = "bench";
/// How long the parts may take to become ready.
const READY: Duration = Duration::from_secs(60);
/// How long what runs may take to finish when a worker ends.
const DRAIN: Duration = Duration::from_secs(2);
/// Signs records that are worth nothing: caller and worker must have the same.
const KEYS: &str = "k4.local.YmVuY2htYXJrLWtleS10aGF0LXByb3RlY3RzLW5vbmU";

/// The contract of a worker that nobody calls.
const IDLE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/idle.binpb"));
const IDLE: &str = "idle.v1.IdleService";

/// Answers calls until standard input closes.
///
/// # Errors
/// When it does not become ready.
pub(crate) async fn worker(brokers: &str) -> Result<()> {
    let contract = contract()?;
    serve(brokers, &contract, ECHO, Echo::default().routes().prepare()).await
}

/// Serves topics that nobody writes to, until standard input closes.
///
/// # Errors
/// When it does not become ready.
pub(crate) async fn idle(brokers: &str) -> Result<()> {
    let pool = DescriptorPool::decode(IDLE_DESCRIPTORS)?;
    let contract = Arc::new(Contract::read(&pool, &[IDLE])?);
    serve(brokers, &contract, IDLE, Routes::default().prepare()).await
}

async fn serve(
    brokers: &str,
    contract: &Arc<Contract>,
    service: &str,
    routes: Routes,
) -> Result<()> {
    topics::apply(brokers, &topics::plan(contract, &[APP], 1), None).await?;
    let health = Health::default();
    let mut options = ServerOptions::new(service, &[service]);
    // The test service does, for the methods that need it; `Echo` does not.
    options.journaled = true;
    let server = KafkaServer::start(
        &settings(brokers)?,
        contract,
        options,
        layered(contract, routes),
        health.component("kafka"),
    )?;
    ready(&health).await?;
    let closed = serve::until_input_closes().await;
    server.shutdown(DRAIN).await;
    closed
}

/// The layers of a service that need no keys, in the order of `chassis::layer::stack`.
fn layered(contract: &Arc<Contract>, routes: Routes) -> Stacked {
    let service = deadline::layer(contract).layer(routes);
    let service = catch_panic::layer().layer(service);
    Stacked::new(log::layer(contract).layer(service))
}

fn contract() -> Result<Arc<Contract>> {
    Ok(Arc::new(Contract::read(echo::descriptors(), &[ECHO])?))
}

fn settings(brokers: &str) -> Result<Settings> {
    Ok(Settings::new(brokers, "bus-bench", KeyRing::parse(KEYS)?))
}

async fn ready(health: &Health) -> Result<()> {
    let ready = tokio::time::timeout(READY, health.ready()).await;
    ready.with_context(|| format!("not ready in time: {:?}", health.states()))
}
