//! The service on its transports: gRPC over Kafka and over HTTP/2, and the relay of its outbox.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bus::event::{Publisher, Sealer};
use bus::server::ServerOptions;
use bus::{KafkaServer, Settings};
use chassis::contract::Contract;
use chassis::grpc::{self, Deferred};
use chassis::health::{Component, Health};
use chassis::layer::{self, stack};
use chassis::metrics::Metrics;
use chassis::shutdown::{SOFT_STOP, Shutdown};
use proto::user::v1::user_service_server::UserServiceServer;
use sea_orm::DatabaseConnection;
use token::AccessVerifier;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;
use tonic::service::Routes;
use validate::Validator;

use crate::config::UserConfig;
use crate::database::{self, Database};
use crate::deps::Deps;
use crate::idempotency_keys::StoredResponses;
use crate::outbox::{Relay, RelaySettings};
use crate::password::Hasher;
use crate::schema;
use crate::service::Users;

/// The service, and its consumer group.
pub const SERVICE: &str = "user.v1.UserService";
/// The name of the group, and the source of its events.
pub const GROUP: &str = "user";

/// The topic that its events go to, by the path of the method that handles them.
pub(crate) const WELCOME: &str = "/notification.v1.NotificationService/SendWelcome";

/// How often the outbox is looked at without being told of a commit: for what another process has
/// left behind.
const RELAY_POLL: Duration = Duration::from_secs(1);

/// How often a database that is away is tried again, and one that is there is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_EVERY_WHEN_UP: Duration = Duration::from_secs(5);

/// What the service is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its own settings.
    pub config: UserConfig,
    /// The bus.
    pub bus: Settings,
    /// The contracts of all services.
    pub contract: Arc<Contract>,
    /// Verifies access tokens.
    pub verifier: AccessVerifier,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Where gRPC over HTTP/2 is served.
    pub listener: TcpListener,
    /// Bring the schema up to date at start, rather than refuse one that is not.
    pub migrate: bool,
}

/// Serves until the soft stop, and drains. Waits for its database and its broker as long as it
/// takes.
///
/// # Errors
/// Contracts with faults, or settings that the parts refuse.
pub async fn run(parts: Parts, health: Health, shutdown: Shutdown) -> Result<()> {
    let Parts {
        config,
        bus,
        contract,
        verifier,
        metrics,
        listener,
        migrate,
    } = parts;
    let bus = Settings {
        metrics: metrics.clone(),
        ..bus
    };
    let mut layers = layer::Parts::new(
        Arc::clone(&contract),
        Arc::new(verifier),
        Arc::new(Validator::new(proto::descriptors())?),
        metrics,
    )?;
    // Registered before anything is awaited: not ready until they are up.
    let database_health = health.component("database");
    let kafka_health = health.component("kafka");
    let names = [SERVICE.to_owned()];
    let beside = grpc::health_and_reflection(
        || proto::FILE_DESCRIPTOR_SET.to_vec(),
        &names,
        &health,
        &shutdown,
    )
    .await;
    let calls = Deferred::default();
    let serving = grpc::serve(listener, calls.clone(), beside, shutdown.clone());
    let serving = shutdown.spawn("the gRPC server", serving);

    let Some(db) = open(&config.database, migrate, &database_health, &shutdown).await else {
        return Ok(());
    };
    let sealer = Sealer::new(Arc::clone(&contract), bus.keys.clone(), GROUP);
    let poke = Arc::new(Notify::new());
    let users = Users {
        db: db.clone(),
        deps: Deps::system(),
        hasher: Hasher::new(config.hasher).context("the password hasher")?,
        sessions: config.sessions,
        sealer: Arc::new(sealer),
        poke: Arc::clone(&poke),
    };
    let responses = StoredResponses::new(db.clone(), Deps::system().clock);
    layers.responses = Some(Arc::new(responses));
    let service = stack(
        &layers,
        Routes::new(UserServiceServer::new(users)).prepare(),
    );
    calls.set(service.clone());
    let mut options = ServerOptions::new(GROUP, &[SERVICE]);
    // `call_journal` notes every call that must not take effect twice.
    options.journaled = true;
    // `idempotency_keys` holds the responses to those that came with a key.
    options.replays = true;
    options.also_needs = contract
        .get(WELCOME)
        .map(|method| method.topic.clone())
        .into_iter()
        .collect();
    let server = KafkaServer::start(&bus, &contract, options, service, kafka_health)
        .context("the connection to Kafka")?;
    let relay = Relay::new(
        db.clone(),
        Deps::system(),
        Publisher::new(&bus),
        poke,
        RelaySettings {
            poll: RELAY_POLL,
            ..RelaySettings::default()
        },
    );
    // The relay goes on while the last calls end, so that their events leave with them.
    let last_call = Shutdown::default();
    let relaying = relay.run(last_call.clone());
    let relaying = shutdown.spawn("the outbox relay", async {
        relaying.await;
        anyhow::Ok(())
    });
    watch(&db, &config.database, &database_health, &shutdown).await;

    server.shutdown(SOFT_STOP / 2).await;
    let served = serving.await.context("the gRPC server")?;
    layers.keyed.close();
    if timeout(SOFT_STOP / 2, layers.keyed.wait()).await.is_err() {
        tracing::warn!(
            calls = layers.keyed.len(),
            "calls with an idempotency key were broken off: their keys are free again when their claims run out"
        );
    }
    last_call.begin();
    let relayed = relaying.await.context("the outbox relay")?;
    if !(served && relayed) {
        bail!("a part of the service failed; the log says which");
    }
    db.close().await.context("the database connections")
}

/// Connects, and sees to the schema, however long the database is away. `None` if the service was
/// stopped first.
async fn open(
    database: &Database,
    migrate: bool,
    health: &Component,
    shutdown: &Shutdown,
) -> Option<DatabaseConnection> {
    loop {
        match try_open(database, migrate).await {
            Ok(db) => {
                health.up();
                return Some(db);
            }
            Err(reason) => health.down(reason),
        }
        if !shutdown.sleep(ASK_EVERY).await {
            return None;
        }
    }
}

async fn try_open(database: &Database, migrate: bool) -> Result<DatabaseConnection, String> {
    let away = |error| format!("{} does not answer: {error}", database.address());
    let db = database::connect(database).await.map_err(away)?;
    if migrate {
        schema::migrate(&db)
            .await
            .map_err(|error| format!("the schema: {error}"))?;
    }
    match schema::check(&db).await {
        Ok(()) => Ok(db),
        Err(error) => {
            // Opened again when the schema may have changed.
            if let Err(error) = db.close().await {
                tracing::debug!("closing the database: {error}");
            }
            Err(error.to_string())
        }
    }
}

/// Asks the database whether it is there, until the soft stop.
async fn watch(
    db: &DatabaseConnection,
    database: &Database,
    health: &Component,
    shutdown: &Shutdown,
) {
    while shutdown.sleep(ASK_EVERY_WHEN_UP).await {
        match db.ping().await {
            Ok(()) => health.up(),
            Err(error) => health.down(format!("{} does not answer: {error}", database.address())),
        }
    }
}
