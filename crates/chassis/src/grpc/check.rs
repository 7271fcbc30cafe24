//! Asking a service on this machine whether it is ready: what a container's health check runs.

use std::time::Duration;

use thiserror::Error;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::GrpcConfig;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The service does not say that it is ready.
#[derive(Debug, Error)]
pub enum NotReady {
    /// Nobody answers.
    #[error("nothing answers gRPC on {0}")]
    Silent(String),
    /// Something it needs is away; its log says what.
    #[error("the service on {0} is not ready")]
    NotServing(String),
}

/// Asks the service that listens as `config` says.
///
/// # Errors
/// It does not answer, or is not ready.
pub async fn check(config: &GrpcConfig) -> Result<(), NotReady> {
    let host = if config.host == "0.0.0.0" {
        "127.0.0.1"
    } else {
        &config.host
    };
    let address = format!("{host}:{}", config.port);
    let silent = || NotReady::Silent(address.clone());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|_| silent())?;
    let channel: Channel = endpoint
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .connect()
        .await
        .map_err(|_| silent())?;
    let asked = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    let status = asked.map_err(|_| silent())?.into_inner().status();
    if status == ServingStatus::Serving {
        Ok(())
    } else {
        Err(NotReady::NotServing(address))
    }
}
