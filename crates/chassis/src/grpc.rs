//! A gRPC server with health and reflection, beside what it is given.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use thiserror::Error;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::transport::server::TcpIncoming;
use tower::{Service, ServiceExt as _, service_fn};

use crate::shutdown::Shutdown;

mod args;
mod beside;
mod check;
mod deferred;
mod reflection;

pub use args::{GrpcArgs, GrpcConfig, VerifierArgs};
pub use beside::{Beside, INFRASTRUCTURE, health_and_reflection, is_infrastructure};
pub use check::{NotReady, check};
pub use deferred::Deferred;

/// The health service's name for "the process runs", whatever its dependencies do. The empty name
/// and the services' own say whether it is ready.
pub const LIVENESS: &str = "liveness";

/// How often a connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How long calls that run may take to end after the soft stop has begun. It leaves the larger part
/// of the soft stop to what comes after it.
pub const DRAIN: Duration = Duration::from_secs(8);

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

/// Serves `service`, and `beside` for health and reflection, until the soft stop; then lets what
/// runs end, within [`DRAIN`]. Connections that are still open after that end with the process.
///
/// # Errors
/// The connections cannot be served.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    beside: Beside,
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
                Ok(beside.answer(request).await)
            } else {
                service.oneshot(request).await
            }
        }
    });
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stop = shutdown.clone();
    let serving = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .serve_with_incoming_shutdown(calls, incoming, async move { stop.begun().await });
    let over = async {
        shutdown.begun().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = over => {
            tracing::warn!("gRPC connections were busy {DRAIN:?} after the soft stop; dropped");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_a_contract_may_be_named_as_those_of_grpc_are() {
        for own in [
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(is_infrastructure(own), "{own}");
        }
        for other in [
            "/grpc.testing.TestService/UnaryCall",
            "/grpc.health.v1.Healthy/Check",
            "/grpc.health.v1.Health",
            "/grpc.",
            "/user.v1.UserService/Find",
        ] {
            assert!(!is_infrastructure(other), "{other}");
        }
    }
}
