//! A gRPC server with health and reflection, beside what it is given.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response};
use thiserror::Error;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;

use crate::health::Health;
use crate::shutdown::Shutdown;

/// The health service's name for "the process runs", whatever its dependencies do. The empty name
/// and the services' own say whether it is ready.
pub const LIVENESS: &str = "liveness";

/// A port cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}; choose another port with {setting}")]
pub struct ListenError {
    address: String,
    setting: &'static str,
    source: std::io::Error,
}

/// Listens on `host:port`; port 0 takes a free one.
///
/// # Errors
/// The port is taken, or the address is not this machine's.
pub async fn listen(
    host: &str,
    port: u16,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let refused =
        |source| ListenError { address: format!("{host}:{port}"), setting, source };
    let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Adds health and reflection to a service's routes. `services` are the full names of what the
/// routes serve; health follows `health`.
///
/// # Errors
/// The descriptors cannot be read.
pub async fn with_health_and_reflection(
    routes: Routes,
    descriptors: &'static [u8],
    services: &[&'static str],
    health: &Health,
) -> Result<Routes, tonic_reflection::server::Error> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
    tokio::spawn(follow(reporter, services.to_vec(), health.clone()));
    let reflection = || {
        services.iter().fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health"),
            |builder, service| builder.with_service_name(*service),
        )
    };
    let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    Ok(routes.add_service(health_service).add_service(v1).add_service(v1alpha))
}

/// Reports each change of readiness, for as long as the process runs.
async fn follow(reporter: HealthReporter, services: Vec<&'static str>, health: Health) {
    let mut changes = health.subscribe();
    loop {
        let ready = health.is_ready();
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in services.iter().chain(&[""]) {
            reporter.set_service_status(*service, status).await;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Serves until the soft stop, then lets what runs end.
///
/// # Errors
/// The connections cannot be served.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    shutdown: Shutdown,
) -> Result<(), tonic::transport::Error>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(60)))
        .serve_with_incoming_shutdown(service, incoming, async move { shutdown.begun().await })
        .await
}
