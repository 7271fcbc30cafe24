//! The gateway as a process of its own.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bus::{KafkaChannel, Settings};
use chassis::admin::Admin;
use chassis::config::Problems;
use chassis::contract::Contract;
use chassis::health::Health;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;

use crate::contracts::Bus;
use crate::limits::Limiter;
use crate::redis::Redis;
use crate::revocation::Revocations;
use crate::settings::{APP, DEFAULT_ADMIN_PORT, GatewayArgs, GatewayConfig};
use crate::tls::Tls;
use crate::{Contracts, Gateway, Parts, server};

/// How long the health check of the process itself may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The contract of the services on the bus.
///
/// # Errors
/// The settings name services that cannot be fronted.
pub fn bus_contract(args: &GatewayArgs) -> Result<Arc<Contract>> {
    let mut problems = Problems::default();
    let contracts = args.upstream.resolve(Bus::Here, &mut problems);
    Ok(problems.finish(contracts)?.bus())
}

/// What the process does on the bus, for the broker's access rules.
#[must_use]
pub fn acls() -> bus::acl::Process<'static> {
    bus::acl::Process {
        calls_as: Some(APP),
        ..bus::acl::Process::default()
    }
}

/// Serves until a signal comes.
///
/// # Errors
/// A wrong setting, a contract with faults, or a port that is taken. A dependency that is away is
/// no error: the process is not ready until it appears.
pub async fn serve(args: &GatewayArgs) -> Result<()> {
    let mut problems = Problems::default();
    let config = args.resolve(&mut problems);
    let config = problems.finish(config)?;
    let GatewayConfig {
        http,
        contracts,
        bus,
        tokens,
        redis_url,
        admin_port,
        log,
    } = config;
    log.install();
    let shutdown = Shutdown::default();
    shutdown.on_signals().context("the signal handlers")?;
    follow_certificates(http.tls.as_ref(), &contracts, &shutdown);
    let (health, metrics) = (Health::default(), Metrics::default());
    let pages = (metrics.clone(), health.clone(), shutdown.clone());
    let admin = Admin::start(&http.host, admin_port, pages.0, pages.1, pages.2).await?;
    let channel = bus.map(|bus| {
        let metrics = metrics.clone();
        let bus = Settings { metrics, ..bus };
        KafkaChannel::start(&bus, contracts.bus(), APP, health.component("kafka"))
    });
    let channel = channel.transpose().context("the connection to Kafka")?;
    if channel.is_none() {
        tracing::info!("no KAFKA_BROKERS: only the services that UPSTREAMS names are fronted");
    }
    let redis = redis_url.map(|url| Redis::connect(&url, &health, &shutdown));
    let (revocations, limiter) = match redis.transpose().map_err(anyhow::Error::msg)? {
        Some(redis) => (Revocations::Redis(redis.clone()), Limiter::in_redis(redis)),
        // No session ends here.
        None => (Revocations::in_memory(), Limiter::in_memory()),
    };
    let gateway = Gateway::new(Parts {
        contracts,
        channel: channel.clone(),
        tokens,
        revocations,
        health: health.clone(),
        metrics,
        limiter,
        edge: http.edge,
        pages: axum::Router::new(),
    })
    .await?;
    let (listener, address) = chassis::grpc::listen(&http.host, http.port, "PORT").await?;
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, "the gateway listens on {scheme}://{address}");
    let serving = async {
        server::serve(listener, http.tls, gateway, shutdown.clone()).await;
        if let Some(channel) = channel {
            channel.shutdown().await;
        }
    };
    shutdown.limit(serving).await;
    drop(admin);
    tracing::info!("stopped");
    Ok(())
}

/// Has renewed certificates used, those that clients see and those that upstreams see, until the stop.
pub fn follow_certificates(tls: Option<&Tls>, contracts: &Contracts, shutdown: &Shutdown) {
    let to_clients = tls.map(Tls::certificate);
    let to_upstreams = contracts.upstream_tls().certificate.as_ref();
    for certificate in to_clients.into_iter().chain(to_upstreams) {
        tokio::spawn(certificate.clone().follow(shutdown.clone()));
    }
}

/// Asks the gateway on this machine whether it is ready.
///
/// # Errors
/// It is not.
pub fn check_health(args: &GatewayArgs) -> Result<()> {
    let mut problems = Problems::default();
    let http = args.http.resolve(&mut problems);
    let admin_port = args.admin.resolve(DEFAULT_ADMIN_PORT, &mut problems);
    let (http, admin_port) = problems.finish(http.zip(admin_port))?;
    let host = if http.host == "0.0.0.0" {
        "127.0.0.1"
    } else {
        &http.host
    };
    // The admin port, which answers the same, is never behind TLS.
    let port = if http.tls.is_some() {
        admin_port
    } else {
        http.port
    };
    let address = (host, port)
        .to_socket_addrs()?
        .next()
        .context("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)
        .with_context(|| format!("nothing listens on {address}"))?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("not ready: {}", answer.lines().last().unwrap_or_default());
    }
    Ok(())
}

/// Checks the settings.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_config(args: &GatewayArgs) -> Result<()> {
    let mut problems = Problems::default();
    let config = args.resolve(&mut problems);
    problems.finish(config)?;
    Ok(())
}
