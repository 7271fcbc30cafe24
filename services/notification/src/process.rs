//! The service as a process of its own.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bus::dead_letter::DeadLetters;
use bus::settings::BusArgs;
use chassis::admin::{Admin, AdminArgs};
use chassis::config::Problems;
use chassis::contract::Contract;
use chassis::grpc::{self, GrpcArgs, VerifierArgs};
use chassis::health::Health;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use chassis::telemetry::LogArgs;

use crate::server::{self, GROUP, Parts, SERVICE};
use crate::{MailArgs, Notifications};

/// The service's own port.
pub const DEFAULT_PORT: u16 = 50052;

/// The service's own port of metrics and probes.
pub const DEFAULT_ADMIN_PORT: u16 = 9466;

/// All settings of the process.
#[derive(Debug, Clone, clap::Args)]
pub struct ProcessArgs {
    /// Where it listens.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
    /// Mails.
    #[command(flatten)]
    pub mail: MailArgs,
    /// Tokens.
    #[command(flatten)]
    pub verifier: VerifierArgs,
    /// Metrics and probes.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The contract of all services on the bus: what `topics apply` prepares it for.
///
/// # Errors
/// The contract has faults.
pub fn contract() -> Result<Contract> {
    let services = proto::bus_services();
    let services: Vec<_> = services.iter().map(String::as_str).collect();
    Ok(Contract::read(proto::descriptors(), &services)?)
}

/// What the process does on the bus, for the broker's access rules.
#[must_use]
pub fn acls() -> bus::acl::Process<'static> {
    bus::acl::Process {
        serves: &[SERVICE],
        group: GROUP,
        answers: &proto::CALLING_APPS,
        redrives: true,
        ..bus::acl::Process::default()
    }
}

impl ProcessArgs {
    /// Serves until a signal comes.
    ///
    /// # Errors
    /// A wrong setting, a contract with faults, a port that is taken. A dependency that is away is
    /// no error: the service is not ready until it appears.
    pub async fn serve(&self) -> Result<()> {
        let mut problems = Problems::default();
        let all = self.resolve(&mut problems);
        let (grpc, bus, mail, verifier, admin, log) = problems.finish(all)?;
        log.install();
        let shutdown = Shutdown::default();
        shutdown.on_signals().context("the signal handlers")?;
        let (listener, address) = grpc::listen(&grpc.host, grpc.port, "GRPC_PORT").await?;
        tracing::info!(%address, "the notification service listens on {address}");
        let notifications = Notifications::new(mail)?;
        let contract = Arc::new(Contract::read(proto::descriptors(), &[SERVICE])?);
        let metrics = Metrics::default();
        let parts = Parts {
            notifications,
            bus,
            contract,
            verifier,
            metrics: metrics.clone(),
            listener,
        };
        let health = Health::default();
        let pages = (metrics, health.clone(), shutdown.clone());
        let admin = Admin::start(&grpc.host, admin, pages.0, pages.1, pages.2).await?;
        let ended = shutdown
            .limit(server::run(parts, health, shutdown.clone()))
            .await;
        drop(admin);
        tracing::info!("stopped");
        ended.unwrap_or(Ok(()))
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn check_config(&self) -> Result<()> {
        let mut problems = Problems::default();
        let all = self.resolve(&mut problems);
        problems.finish(all)?;
        Ok(())
    }

    /// Asks the service on this machine whether it is ready.
    ///
    /// # Errors
    /// It is not.
    pub async fn check_health(&self) -> Result<()> {
        let mut problems = Problems::default();
        let grpc = self.grpc.resolve(DEFAULT_PORT, &mut problems);
        Ok(grpc::check(&problems.finish(grpc)?).await?)
    }

    /// The dead letters of the service's events, for the command line. Needs the settings of the bus
    /// alone.
    ///
    /// # Errors
    /// A wrong setting, or a contract with faults.
    pub fn dead_letters(&self) -> Result<DeadLetters> {
        let mut problems = Problems::default();
        let bus = self
            .bus
            .resolve("trolleybus-notification-dlq", &mut problems);
        let bus = problems.finish(bus)?;
        let contract = Contract::read(proto::descriptors(), &[SERVICE])?;
        Ok(DeadLetters::new(&bus, &contract, &[SERVICE], GROUP))
    }

    fn resolve(&self, problems: &mut Problems) -> Option<Resolved> {
        let grpc = self.grpc.resolve(DEFAULT_PORT, problems);
        let bus = self.bus.resolve("trolleybus-notification", problems);
        let mail = self.mail.resolve(problems);
        let verifier = self.verifier.resolve(problems);
        let admin = self.admin.resolve(DEFAULT_ADMIN_PORT, problems);
        let log = self.log.resolve(problems);
        Some((grpc?, bus?, mail?, verifier?, admin?, log?))
    }
}

type Resolved = (
    grpc::GrpcConfig,
    bus::Settings,
    crate::Config,
    token::AccessVerifier,
    u16,
    chassis::telemetry::LogConfig,
);
