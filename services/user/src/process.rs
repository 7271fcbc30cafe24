//! The service as a process of its own.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bus::settings::BusArgs;
use chassis::admin::{Admin, AdminArgs};
use chassis::config::Problems;
use chassis::contract::Contract;
use chassis::grpc::{self, GrpcArgs, VerifierArgs};
use chassis::health::Health;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use chassis::telemetry::LogArgs;

use crate::config::UserArgs;
use crate::server::{self, Parts};
use crate::session::WrappingKeys;
use crate::{database, schema};

/// The service's own port.
pub const DEFAULT_PORT: u16 = 50051;

/// What the keys are for that are derived from the bus's where no session keys are set.
const SESSION_KEYS: &str = "session-keys";

/// The service's own port of metrics and probes.
pub const DEFAULT_ADMIN_PORT: u16 = 9465;

/// All settings of the process.
#[derive(Debug, Clone, clap::Args)]
pub struct ProcessArgs {
    /// Where it listens.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
    /// Accounts and sessions.
    #[command(flatten)]
    pub user: UserArgs,
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

/// The contract of all services on the bus: this one's methods, and the events it emits.
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
        serves: &[server::SERVICE],
        group: server::GROUP,
        emits: &[server::WELCOME],
        answers: &proto::CALLING_APPS,
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
        let (grpc, bus, config, verifier, admin, log) = problems.finish(all)?;
        log.install();
        let shutdown = Shutdown::default();
        shutdown.on_signals().context("the signal handlers")?;
        let (listener, address) = grpc::listen(&grpc.host, grpc.port, "GRPC_PORT").await?;
        tracing::info!(%address, "the user service listens on {address}");
        let contract = Arc::new(contract()?);
        let metrics = Metrics::default();
        let parts = Parts {
            config,
            bus,
            contract,
            verifier,
            metrics: metrics.clone(),
            listener,
            migrate: false,
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

    /// Brings the database's schema up to this release.
    ///
    /// # Errors
    /// A wrong setting, or a database that does not answer or is newer.
    pub async fn migrate(&self) -> Result<()> {
        let mut problems = Problems::default();
        let database = self.user.database.resolve(&mut problems);
        let database = problems.finish(database)?;
        let away = || format!("{} does not answer", database.address());
        let db = database::connect(&database).await.with_context(away)?;
        schema::migrate(&db).await.context("the schema")?;
        schema::check(&db).await?;
        db.close().await.context("the database connections")
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

    fn resolve(&self, problems: &mut Problems) -> Option<Resolved> {
        let grpc = self.grpc.resolve(DEFAULT_PORT, problems);
        let bus = self.bus.resolve("trolleybus-user", problems);
        let derived = bus.as_ref().map(|bus| bus.keys.derive(SESSION_KEYS));
        let derived = derived.and_then(|keys| WrappingKeys::new(&keys).ok());
        let user = self.user.resolve(derived, problems);
        let verifier = self.verifier.resolve(problems);
        let admin = self.admin.resolve(DEFAULT_ADMIN_PORT, problems);
        let log = self.log.resolve(problems);
        Some((grpc?, bus?, user?, verifier?, admin?, log?))
    }
}

type Resolved = (
    grpc::GrpcConfig,
    bus::Settings,
    crate::config::UserConfig,
    token::AccessVerifier,
    u16,
    chassis::telemetry::LogConfig,
);
