//! The platform as three processes on real servers.

use std::collections::HashMap;
use std::time::Duration;

use token::{AccessSigner, RefreshKeys};
use tokio::sync::{Mutex, MutexGuard};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::client::Client;
use super::database::Database;
use super::platform::{LOGS, Parts, Platform};
use super::process::{Process, succeed};
use super::servers;
use super::sink::Sink;
use super::wait::{PATIENCE, eventually, within};

/// Topics and consumer groups are the Kafka's, not a platform's: one platform at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// The processes, killed in this order.
pub(crate) struct Processes {
    pub(crate) gateway: Process,
    pub(crate) user: Process,
    pub(crate) notification: Process,
    pub(crate) sink: Sink,
    pub(crate) database_url: String,
    pub(crate) settings: Settings,
}

/// The settings of each process, and the right to be the platform of these servers.
pub(crate) struct Settings {
    keys: HashMap<String, String>,
    more: Vec<(&'static str, String)>,
    _turn: MutexGuard<'static, ()>,
}

/// A database of a name of its own, empty. Its URL.
pub(crate) async fn new_database(name: &str) -> String {
    let url = servers::database();
    let database = Database::connect(&url).await;
    database
        .execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .await;
    database.execute(&format!("CREATE DATABASE {name}")).await;
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Ends when a service says over gRPC that it is ready.
pub(crate) async fn serving(url: &str) {
    let endpoint = tonic::transport::Endpoint::from_shared(url.to_owned()).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    let mut states = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let serving = async {
        while let Some(state) = states.message().await.unwrap() {
            if state.status() == ServingStatus::Serving {
                return;
            }
        }
        panic!("{url} ended");
    };
    within(&format!("{url} being ready"), PATIENCE, serving).await;
}

// === impl Settings ===

impl Settings {
    /// New keys, and the topics. Waits for its turn.
    pub(crate) async fn prepare(more: &[(&'static str, String)]) -> Self {
        let turn = TURN.lock().await;
        let keys = succeed(
            "trolleybus-gateway",
            &["keys", "generate", "--format", "env"],
            &[],
        );
        let keys = keys.await;
        let keys = keys.lines().filter_map(|line| line.split_once('='));
        let keys = keys
            .map(|(name, key)| (name.to_owned(), key.to_owned()))
            .collect();
        let settings = Self {
            keys,
            more: more.to_vec(),
            _turn: turn,
        };
        settings.apply_topics().await;
        settings
    }

    pub(crate) async fn apply_topics(&self) {
        let env = [("KAFKA_BROKERS", servers::kafka())];
        succeed("trolleybus-gateway", &["topics", "apply"], &env).await;
    }

    pub(crate) fn key(&self, name: &str) -> String {
        self.keys[name].clone()
    }

    pub(crate) fn gateway(&self, redis: &str) -> Vec<(&'static str, String)> {
        let mut env = self.common("PORT", "e2e-gateway");
        env.push(("REDIS_URL", redis.to_owned()));
        env.push(("PASETO_ACCESS_KEY", self.key("PASETO_ACCESS_KEY")));
        env.push(("PASETO_REFRESH_KEY", self.key("PASETO_REFRESH_KEY")));
        env
    }

    pub(crate) fn user(&self, database: &str) -> Vec<(&'static str, String)> {
        let mut env = self.common("GRPC_PORT", "e2e-user");
        env.push(("DATABASE_URL", database.to_owned()));
        env.push(("SESSION_KEYS", self.key("SESSION_KEYS")));
        env.push(("PASETO_ACCESS_KEY", self.key("PASETO_ACCESS_PUBLIC_KEY")));
        env
    }

    pub(crate) fn notification(&self, smtp: &str) -> Vec<(&'static str, String)> {
        let mut env = self.common("GRPC_PORT", "e2e-notification");
        env.push(("SMTP_URL", smtp.to_owned()));
        env.push(("PASETO_ACCESS_KEY", self.key("PASETO_ACCESS_PUBLIC_KEY")));
        env
    }

    fn common(&self, port: &'static str, instance: &str) -> Vec<(&'static str, String)> {
        let mut env = vec![
            (port, "0".to_owned()),
            ("ADMIN_PORT", "0".to_owned()),
            (LOGS.0, LOGS.1.to_owned()),
            ("KAFKA_BROKERS", servers::kafka()),
            ("BUS_KEYS", self.key("BUS_KEYS")),
            ("INSTANCE_ID", instance.to_owned()),
        ];
        env.extend(self.more.iter().cloned());
        env
    }
}

// === impl Processes ===

impl Processes {
    pub(crate) async fn start(more: &[(&'static str, String)]) -> Platform {
        let settings = Settings::prepare(more).await;
        let database_url = new_database("trolleybus_e2e").await;
        let env = [("DATABASE_URL", database_url.clone())];
        succeed("trolleybus-user", &["migrate"], &env).await;
        let sink = Sink::start().await;
        let user = Process::start("trolleybus-user", &settings.user(&database_url));
        let env = settings.notification(&sink.url());
        let notification = Process::start("trolleybus-notification", &env);
        let gateway = Process::start("trolleybus-gateway", &settings.gateway(&servers::redis()));
        let (user_url, notification_url) = (
            format!("http://{}", user.address().await),
            format!("http://{}", notification.address().await),
        );
        let platform = Platform {
            client: Client::new(&format!("http://{}", gateway.address().await)),
            signer: AccessSigner::from_paserk(&settings.key("PASETO_ACCESS_KEY")).unwrap(),
            refresh_keys: RefreshKeys::from_paserk(&settings.key("PASETO_REFRESH_KEY")).unwrap(),
            parts: Parts::Processes(Box::new(Self {
                gateway,
                user,
                notification,
                sink,
                database_url,
                settings,
            })),
            user: user_url,
            notification: notification_url,
        };
        serving(&platform.user).await;
        serving(&platform.notification).await;
        platform.ready(PATIENCE).await;
        platform
    }

    pub(crate) fn all(&mut self) -> Vec<&mut Process> {
        vec![&mut self.gateway, &mut self.user, &mut self.notification]
    }

    /// Starts the gateway again, after it ended, on another port.
    pub(crate) async fn start_gateway(&mut self) -> Client {
        let env = self.settings.gateway(&servers::redis());
        self.gateway = Process::start("trolleybus-gateway", &env);
        Client::new(&format!("http://{}", self.gateway.address().await))
    }

    /// Starts the user service again, after it ended.
    pub(crate) fn start_user(&mut self) {
        self.user = Process::start("trolleybus-user", &self.settings.user(&self.database_url));
    }

    /// Starts the notification service again, after it ended.
    pub(crate) fn start_notification(&mut self) {
        let env = self.settings.notification(&self.sink.url());
        self.notification = Process::start("trolleybus-notification", &env);
    }
}

// === impl Platform ===

impl Platform {
    /// The processes, where that is what it is made of.
    pub(crate) fn processes_mut(&mut self) -> &mut Processes {
        match &mut self.parts {
            Parts::Processes(processes) => processes,
            Parts::Standalone(_) => panic!("this platform is one process"),
        }
    }

    /// Ends when the gateway is ready; how long that took.
    pub(crate) async fn ready(&self, limit: Duration) -> Duration {
        let look = async || (self.client.get("/readyz").await.status == 200).then_some(());
        eventually("a ready gateway", limit, look).await.1
    }
}
