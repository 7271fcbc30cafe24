//! A gRPC server with health and reflection, beside what it is given.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use thiserror::Error;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::{Service, ServiceExt as _, service_fn};

use crate::health::Health;
use crate::shutdown::Shutdown;

mod args;
mod check;
mod deferred;

pub use args::{GrpcArgs, GrpcConfig, VerifierArgs};
pub use check::{NotReady, check};
pub use deferred::Deferred;

/// The health service's name for "the process runs", whatever its dependencies do. The empty name
/// and the services' own say whether it is ready.
pub const LIVENESS: &str = "liveness";

/// How often a connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

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
    let refused = |source| ListenError {
        address: format!("{host}:{port}"),
        setting,
        source,
    };
    let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Health and reflection. `services` are the full names of what the port serves; health follows
/// `health`.
///
/// # Errors
/// The descriptors cannot be read.
pub async fn health_and_reflection(
    descriptors: &'static [u8],
    services: &[String],
    health: &Health,
) -> Result<Routes, tonic_reflection::server::Error> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(LIVENESS, ServingStatus::Serving)
        .await;
    tokio::spawn(follow(reporter, services.to_vec(), health.clone()));
    let reflection = || {
        services.iter().fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health"),
            tonic_reflection::server::Builder::with_service_name,
        )
    };
    let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    Ok(Routes::new(health_service)
        .add_service(v1)
        .add_service(v1alpha))
}

/// Whether a path is of health or reflection, and not of a contract.
#[must_use]
pub fn is_infrastructure(path: &str) -> bool {
    path.starts_with("/grpc.")
}

/// Reports each change of readiness, for as long as the process runs.
async fn follow(reporter: HealthReporter, services: Vec<String>, health: Health) {
    let mut changes = health.subscribe();
    loop {
        let ready = health.is_ready();
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in services.iter().map(String::as_str).chain([""]) {
            reporter.set_service_status(service, status).await;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Serves `service`, and `beside` for health and reflection, until the soft stop; then lets what
/// runs end.
///
/// # Errors
/// The connections cannot be served.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    beside: Routes,
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
    let calls = service_fn(move |request: Request<Body>| {
        let (service, beside) = (service.clone(), beside.clone());
        async move {
            if is_infrastructure(request.uri().path()) {
                beside.oneshot(request).await
            } else {
                service.oneshot(request).await
            }
        }
    });
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .serve_with_incoming_shutdown(calls, incoming, async move { shutdown.begun().await })
        .await
}
