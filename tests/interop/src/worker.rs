//! The test contract, served on topics of which some are trusted, with every layer in place.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bus::keys::KeyRing;
use bus::server::ServerOptions;
use bus::topics::TopicSpec;
use bus::{KafkaServer, Settings};
use chassis::contract::Contract;
use chassis::health::Health;
use chassis::layer;
use chassis::metrics::Metrics;
use test_contract::{ECHO, Echo, Ledger, NOTE};
use token::AccessVerifier;
use validate::Validator;

use crate::PATIENCE;
use crate::broker::Offsets;

/// Partitions of each topic: enough that an answer to the wrong one is lost.
const PARTITIONS: i32 = 3;

/// Foreign callers are trusted here; one of them carries an `INTERNAL` method.
const TRUSTED: [&str; 4] = ["echo.echo", "echo.apply", "echo.who_am_i", "note.note"];

/// The clients write here too.
pub(crate) const UNTRUSTED: [&str; 2] = ["echo.append", "note.note_in_order"];

/// Where the answers to untrusted calls would go.
pub(crate) const UNTRUSTED_REPLIES: [&str; 2] = ["echo.append.reply", "reply.spring.untrusted"];

/// Where an untrusted event is set aside.
pub(crate) const UNTRUSTED_DEAD: &str = "note.note_in_order.dlq";

/// Where `NestJS` expects answers: it makes the name from that of the request's topic.
const NEST_REPLIES: [&str; 5] = [
    "echo.echo.reply",
    "echo.apply.reply",
    "echo.who_am_i.reply",
    "echo.append.reply",
    "note.note.reply",
];

/// Where the Spring client expects answers, behind `reply.` and the prefix.
const SPRING_REPLIES: [&str; 5] = ["echo", "who", "fixed", "protobuf", "untrusted"];

/// Not one that anything else is signed with.
const KEY: &str = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";

/// A service that is ready.
pub(crate) struct Worker {
    pub(crate) brokers: String,
    /// Before the name of each topic of this run; `reply.` is before it.
    pub(crate) prefix: String,
    pub(crate) ledger: Ledger,
    group: String,
    server: KafkaServer,
}

impl Worker {
    pub(crate) async fn start(brokers: String, prefix: String) -> Result<Self> {
        let pool = test_contract::echo::descriptors();
        let contract = Contract::read(pool, &[ECHO, NOTE])?;
        let contract = Arc::new(contract.with_topics(|topic| format!("{prefix}{topic}")));
        let replication = Some(1);
        bus::topics::apply(&brokers, &topics(&contract, &prefix), replication).await?;

        let mut settings = Settings::new(brokers.clone(), "interop", KeyRing::parse(KEY)?);
        settings.trusted_topics = TRUSTED.map(|topic| format!("{prefix}{topic}")).to_vec();
        let verifier = AccessVerifier::from_paserk(&token::generate()?.access_public)?;
        let layers = layer::Parts::new(
            Arc::clone(&contract),
            Arc::new(verifier),
            Arc::new(Validator::new(pool)?),
            Metrics::default(),
        )?;
        let echo = Echo::default();
        let ledger = echo.ledger.clone();
        let service = layer::stack(&layers, echo.routes().prepare());
        let group = format!("{prefix}worker");
        let mut options = ServerOptions::new(&group, &[ECHO, NOTE]);
        options.journaled = true;
        let health = Health::default();
        let component = health.component("kafka");
        let server = KafkaServer::start(&settings, &contract, options, service, component)?;
        tokio::time::timeout(PATIENCE, health.ready())
            .await
            .context("the service did not become ready")?;
        Ok(Self {
            brokers,
            prefix,
            ledger,
            group,
            server,
        })
    }

    /// Ends it in order. How far each topic was written and read, without the prefix in its name.
    pub(crate) async fn stop(self) -> Result<Offsets> {
        self.server.shutdown(PATIENCE).await;
        let read = move || Offsets::read(&self.brokers, &self.group, &self.prefix);
        tokio::task::spawn_blocking(read).await?
    }
}

fn topics(contract: &Contract, prefix: &str) -> Vec<TopicSpec> {
    let retention = Duration::from_secs(15 * 60);
    let nest = NEST_REPLIES.map(|name| format!("{prefix}{name}"));
    let spring = SPRING_REPLIES.map(|name| format!("reply.{prefix}spring.{name}"));
    let replies = nest.into_iter().chain(spring).map(|name| TopicSpec {
        name,
        partitions: PARTITIONS,
        retention,
    });
    let mut topics = bus::topics::plan(contract, &[], PARTITIONS);
    topics.extend(replies);
    topics
}
