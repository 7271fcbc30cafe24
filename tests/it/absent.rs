//! Processes that are started while something they need is away: each stays, says once and clearly
//! what it waits for, and becomes ready by itself when that appears.

use std::collections::HashSet;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc::connect;
use crate::harness::infra::Infra;
use crate::harness::process::succeed;
use crate::harness::processes::{Settings, new_database, serving};
use crate::harness::{Client, PATIENCE, Process, eventually, kafka, servers};

/// How long a process is watched once it has said what it waits for: long enough to try again several
/// times.
const WATCHED: Duration = Duration::from_secs(4);

/// The logs of production.
fn quiet() -> [(&'static str, String); 1] {
    [("LOG_LEVEL", "info".to_owned())]
}

/// A process that listens and is not ready.
struct Waiting {
    process: Process,
    url: String,
    is_gateway: bool,
}

// === impl Waiting ===

impl Waiting {
    async fn start(name: &'static str, env: &[(&'static str, String)]) -> Self {
        let process = Process::start(name, env);
        let url = format!("http://{}", process.address().await);
        Self {
            process,
            url,
            is_gateway: name == "trolleybus-gateway",
        }
    }

    async fn is_ready(&self) -> bool {
        if self.is_gateway {
            return Client::new(&self.url).get("/readyz").await.status == 200;
        }
        let mut health = HealthClient::new(connect(&self.url).await);
        let answer = health.check(HealthCheckRequest::default()).await.unwrap();
        answer.into_inner().status() == ServingStatus::Serving
    }

    /// What it complained of, each with the line that says so.
    fn complaints(&self) -> Vec<(String, String)> {
        let lines = self.process.log.lines().into_iter();
        let complaints = lines.filter_map(|text| {
            let line: serde_json::Value = serde_json::from_str(&text).unwrap();
            let is_complaint = line["level"] == "WARN" || line["level"] == "ERROR";
            is_complaint.then(|| (line["message"].as_str().unwrap().to_owned(), text))
        });
        complaints.collect()
    }

    /// Ends when it says what it waits for.
    async fn complains(&self, part: &str) {
        let look = async || {
            let mut complaints = self.complaints().into_iter();
            complaints.find(|(_, line)| line.contains(part))
        };
        let what = format!("a complaint about {part:?}");
        let ((_, line), took) = eventually(&what, PATIENCE, look).await;
        println!("after {took:?}: {line}");
    }

    /// Checks that it waits, and has said nothing twice.
    async fn waits(&mut self) {
        assert!(self.process.is_alive());
        assert!(!self.is_ready().await);
        if self.is_gateway {
            Client::new(&self.url).get("/livez").await.json(200);
        }
        // On a busy machine it may meet with more than what is away, such as an answer that is late.
        let mut said = HashSet::new();
        for (message, line) in self.complaints() {
            assert!(said.insert(message), "said twice: {line}");
        }
    }

    /// Checks that it says what it waits for, and once.
    async fn says(&mut self, part: &str) {
        self.complains(part).await;
        tokio::time::sleep(WATCHED).await;
        self.waits().await;
    }

    async fn becomes_ready(&self) {
        if self.is_gateway {
            let look = async || self.is_ready().await.then_some(());
            let took = eventually(&format!("{} being ready", self.url), PATIENCE, look)
                .await
                .1;
            println!("ready after {took:?}");
        } else {
            serving(&self.url).await;
        }
    }
}

/// An address where nothing listens yet.
async fn closed() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// From now on leads from one address to another.
async fn lead(from: std::net::SocketAddr, to: String) {
    let listener = TcpListener::bind(from).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move {
                // Either side may end it in any way.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
}

/// The `host:port` of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

/// A database with the schema.
async fn migrated() -> String {
    let url = new_database("trolleybus_e2e").await;
    succeed(
        "trolleybus-user",
        &["migrate"],
        &[("DATABASE_URL", url.clone())],
    )
    .await;
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_kafka() {
    let Some(infra) = Infra::own() else { return };
    let settings = Settings::prepare(&quiet()).await;
    let database = migrated().await;
    let stopped = infra.stop("kafka").await;
    let mut all = [
        Waiting::start("trolleybus-gateway", &settings.gateway(&servers::redis())).await,
        Waiting::start("trolleybus-user", &settings.user(&database)).await,
        Waiting::start("trolleybus-notification", &settings.notification("")).await,
    ];
    for waiting in &all {
        waiting.complains(&servers::kafka()).await;
    }
    tokio::time::sleep(WATCHED).await;
    for waiting in &mut all {
        waiting.waits().await;
    }
    stopped.start().await;
    for waiting in &all {
        waiting.becomes_ready().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis() {
    let settings = Settings::prepare(&quiet()).await;
    let address = closed().await;
    let env = settings.gateway(&format!("redis://{address}"));
    let mut gateway = Waiting::start("trolleybus-gateway", &env).await;
    gateway.says(&address.to_string()).await;
    lead(address, authority(&servers::redis())).await;
    gateway.becomes_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres() {
    let settings = Settings::prepare(&quiet()).await;
    let (database, address) = (migrated().await, closed().await);
    let server = authority(&database);
    let env = settings.user(&database.replace(&server, &address.to_string()));
    let mut user = Waiting::start("trolleybus-user", &env).await;
    user.says(&address.to_string()).await;
    lead(address, server).await;
    user.becomes_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_schema() {
    let settings = Settings::prepare(&quiet()).await;
    let database = new_database("trolleybus_e2e").await;
    let mut user = Waiting::start("trolleybus-user", &settings.user(&database)).await;
    user.says("migrate").await;
    succeed(
        "trolleybus-user",
        &["migrate"],
        &[("DATABASE_URL", database)],
    )
    .await;
    user.becomes_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_topic() {
    let settings = Settings::prepare(&quiet()).await;
    let database = migrated().await;
    let gateway = settings.gateway(&servers::redis());
    let user = settings.user(&database);
    let notification = settings.notification("");
    for (topic, name, env) in [
        ("reply.gateway", "trolleybus-gateway", &gateway),
        ("user.find", "trolleybus-user", &user),
        ("notification.send.welcome", "trolleybus-user", &user),
        (
            "notification.send.welcome",
            "trolleybus-notification",
            &notification,
        ),
        (
            "notification.send.email.dlq",
            "trolleybus-notification",
            &notification,
        ),
    ] {
        kafka::delete_topic(topic).await;
        let mut waiting = Waiting::start(name, env).await;
        waiting.says(topic).await;
        settings.apply_topics().await;
        waiting.becomes_ready().await;
    }
}
