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
use chassis::layer::{LayerService, Parts, stack};
use chassis::metrics::Metrics;
use prost_reflect::DescriptorPool;
use test_contract::service::Echo;
use test_contract::{ECHO, echo};
use token::AccessVerifier;
use tonic::service::Routes;
use validate::Validator;

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
    let routes = Echo::default().routes().prepare();
    serve(brokers, &contract, echo::descriptors(), ECHO, routes).await
}

/// Serves topics that nobody writes to, until standard input closes.
///
/// # Errors
/// When it does not become ready.
pub(crate) async fn idle(brokers: &str) -> Result<()> {
    let pool = DescriptorPool::decode(IDLE_DESCRIPTORS)?;
    let contract = Arc::new(Contract::read(&pool, &[IDLE])?);
    serve(brokers, &contract, &pool, IDLE, Routes::default().prepare()).await
}

async fn serve(
    brokers: &str,
    contract: &Arc<Contract>,
    pool: &DescriptorPool,
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
        layered(contract, pool, routes)?,
        health.component("kafka"),
    )?;
    ready(&health).await?;
    let closed = serve::until_input_closes().await;
    server.shutdown(DRAIN).await;
    closed
}

/// Every layer that a service has.
fn layered(
    contract: &Arc<Contract>,
    pool: &DescriptorPool,
    routes: Routes,
) -> Result<impl LayerService> {
    let verifier = AccessVerifier::from_paserk(&token::generate()?.access_public)?;
    let parts = Parts::new(
        Arc::clone(contract),
        Arc::new(verifier),
        Arc::new(Validator::new(pool)?),
        Metrics::default(),
    )?;
    Ok(stack(&parts, routes))
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
