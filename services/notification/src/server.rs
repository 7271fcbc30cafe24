//! The service on its transports: gRPC over Kafka and over HTTP/2.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bus::dead_letter::DeadLetters;
use bus::server::ServerOptions;
use bus::{KafkaServer, Settings};
use chassis::contract::Contract;
use chassis::grpc;
use chassis::health::Health;
use chassis::layer::{self, stack};
use chassis::metrics::Metrics;
use chassis::shutdown::{SOFT_STOP, Shutdown};
use proto::notification::v1::dead_letter_service_server::DeadLetterServiceServer;
use proto::notification::v1::notification_service_server::NotificationServiceServer;
use token::AccessVerifier;
use tokio::net::TcpListener;
use tonic::service::Routes;
use validate::Validator;

use crate::Notifications;
use crate::dead_letters::DeadLetterAdmin;

/// The service.
pub const SERVICE: &str = "notification.v1.NotificationService";
/// The service for operators, on the service's own port alone.
pub const DEAD_LETTERS: &str = "notification.v1.DeadLetterService";
/// Its consumer group.
pub const GROUP: &str = "notification";

/// What the service is made of.
#[derive(Debug)]
pub struct Parts {
    /// Sends mails.
    pub notifications: Notifications,
    /// The bus.
    pub bus: Settings,
    /// The contracts of all services.
    pub contract: Arc<Contract>,
    /// Verifies access and service tokens.
    pub verifier: AccessVerifier,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Where gRPC over HTTP/2 is served.
    pub listener: TcpListener,
}

/// Serves until the soft stop, and drains. Waits for its broker as long as it takes.
///
/// # Errors
/// Contracts with faults, or settings that the parts refuse.
pub async fn run(parts: Parts, health: Health, shutdown: Shutdown) -> Result<()> {
    let Parts {
        notifications,
        bus,
        contract,
        verifier,
        metrics,
        listener,
    } = parts;
    let bus = Settings {
        metrics: metrics.clone(),
        ..bus
    };
    let callable = Contract::read(proto::descriptors(), &[SERVICE, DEAD_LETTERS])?;
    let layers = layer::Parts::new(
        Arc::new(callable),
        Arc::new(verifier),
        Arc::new(Validator::new(proto::descriptors())?),
        metrics,
    )?;
    let kafka_health = health.component("kafka");
    let names = [SERVICE.to_owned(), DEAD_LETTERS.to_owned()];
    let beside = grpc::health_and_reflection(
        || proto::FILE_DESCRIPTOR_SET.to_vec(),
        &names,
        &health,
        &shutdown,
    )
    .await;
    let events = Routes::new(NotificationServiceServer::new(notifications.clone()));
    let service = stack(&layers, events.clone().prepare());
    let letters = DeadLetters::new(&bus, &contract, &[SERVICE], GROUP);
    let admin = DeadLetterServiceServer::new(DeadLetterAdmin::new(letters));
    let served = stack(&layers, events.add_service(admin).prepare());
    let serving = grpc::serve(listener, served, beside, shutdown.clone());
    let serving = shutdown.spawn("the gRPC server", serving);
    let options = ServerOptions::new(GROUP, &[SERVICE]);
    let server = KafkaServer::start(&bus, &contract, options, service, kafka_health)
        .context("the connection to Kafka")?;
    shutdown.begun().await;
    server.shutdown(SOFT_STOP / 2).await;
    let served = serving.await.context("the gRPC server")?;
    notifications.close().await;
    if !served {
        bail!("a part of the service failed; the log says which");
    }
    Ok(())
}
