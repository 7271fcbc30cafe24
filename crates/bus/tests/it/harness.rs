//! A broker, services under test, and clients of them; and what must hold after every case.

use std::sync::Arc;
#[cfg(feature = "real")]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::keys::KeyRing;
use bus::server::ServerOptions;
use bus::topics::TopicSpec;
use bus::{EmbeddedBroker, KafkaChannel, KafkaServer, Settings};
use chassis::contract::Contract;
use chassis::health::Health;
use chassis::layer::idempotency::{MemoryResponses, Responses};
use chassis::layer::{LayerService, Parts, stack};
use chassis::metrics::Metrics;
use parking_lot::Mutex;
use test_contract::echo::echo_service_client::EchoServiceClient;
use test_contract::echo::note_service_client::NoteServiceClient;
use test_contract::{ECHO, Echo, NOTE};
use token::AccessSigner;
use validate::Validator;

mod invariants;
mod raw;
mod watched;

pub(crate) use raw::{Raw, decode};
pub(crate) use watched::Watched;

/// How long anything may take that is not itself a matter of time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(feature = "real")]
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A broker with the topics of the test contract, under names of this test's own where it is shared,
/// and everything that was started on it.
pub(crate) struct Bus {
    settings: Settings,
    contract: Arc<Contract>,
    pub(crate) app: String,
    group: String,
    channels: Mutex<Vec<Watched>>,
    servers: Mutex<Vec<Arc<KafkaServer>>>,
    ledgers: Mutex<Vec<test_contract::Ledger>>,
    tasks_before: usize,
    embedded: Option<EmbeddedBroker>,
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::parse("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8").unwrap()
}

impl Bus {
    /// On the embedded broker, with as many partitions of each topic.
    pub(crate) fn embedded(partitions: i32) -> Self {
        let contract = contract("");
        let embedded = EmbeddedBroker::start(&[]).unwrap();
        for topic in topics(&contract, "test", partitions) {
            embedded.create_topic(&topic).unwrap();
        }
        let settings = embedded.settings("test", keys());
        Self::new(settings, contract, "test".into(), Some(embedded))
    }

    #[cfg(feature = "real")]
    pub(crate) async fn real(partitions: i32) -> Self {
        let brokers = std::env::var("TEST_KAFKA_BROKERS")
            .expect("TEST_KAFKA_BROKERS is not set; run `cargo xtask test`");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("t{}-{number}.", std::process::id());
        let contract = contract(&prefix);
        let app = format!("{prefix}test");
        let settings = Settings::new(brokers, "test", keys());
        bus::topics::apply(
            &settings.brokers,
            &topics(&contract, &app, partitions),
            Some(1),
        )
        .await
        .unwrap();
        Self::new(settings, contract, app, None)
    }

    fn new(
        settings: Settings,
        contract: Arc<Contract>,
        app: String,
        embedded: Option<EmbeddedBroker>,
    ) -> Self {
        Self {
            settings,
            contract,
            // The group is the case's own where topics are shared by tests.
            group: format!("group-{app}"),
            app,
            channels: Mutex::default(),
            servers: Mutex::default(),
            ledgers: Mutex::default(),
            tasks_before: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            embedded,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same bus on which records to these methods need no signature.
    pub(crate) fn trusting(mut self, paths: &[&str]) -> Self {
        self.settings.trusted_topics = paths.iter().map(|path| self.topic(path)).collect();
        self
    }

    pub(crate) fn topic(&self, path: &str) -> String {
        self.contract.get(path).unwrap().topic.clone()
    }

    pub(crate) fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// A topic that the contract does not have.
    pub(crate) async fn create(&self, topic: &TopicSpec) {
        match &self.embedded {
            Some(embedded) => embedded.create_topic(topic).unwrap(),
            None => {
                let topic = std::slice::from_ref(topic);
                let applied = bus::topics::apply(&self.settings.brokers, topic, Some(1)).await;
                drop(applied.unwrap());
            }
        }
    }

    /// A channel that is ready.
    pub(crate) async fn channel(&self) -> Watched {
        let health = Health::default();
        let contract = Arc::clone(&self.contract);
        let component = health.component("kafka");
        let channel = KafkaChannel::start(&self.settings, contract, &self.app, component);
        let channel = Watched::new(channel.unwrap());
        within(health.ready()).await;
        self.channels.lock().push(channel.clone());
        channel
    }

    pub(crate) async fn client(&self) -> EchoServiceClient<Watched> {
        EchoServiceClient::new(self.channel().await)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    pub(crate) async fn notes(&self) -> NoteServiceClient<Watched> {
        NoteServiceClient::new(self.channel().await)
    }

    pub(crate) fn options(&self) -> ServerOptions {
        let mut options = ServerOptions::new(&self.group, &[ECHO, NOTE]);
        options.journaled = true;
        options
    }

    /// A server that is ready.
    pub(crate) async fn serve(&self, echo: &Echo) -> Arc<KafkaServer> {
        self.serve_with(echo, None, self.options()).await
    }

    pub(crate) async fn serve_with(
        &self,
        echo: &Echo,
        instance_id: Option<&str>,
        options: ServerOptions,
    ) -> Arc<KafkaServer> {
        let routes = echo.routes().prepare();
        self.start(echo, instance_id, options, routes).await
    }

    /// A server that replays the responses to calls with a key.
    pub(crate) async fn serve_replaying(
        &self,
        echo: &Echo,
        responses: &Arc<MemoryResponses>,
    ) -> Arc<KafkaServer> {
        let signer = AccessSigner::from_paserk(&token::generate().unwrap().access_secret);
        let validator = Validator::new(test_contract::echo::descriptors()).unwrap();
        let mut parts = Parts::new(
            Arc::clone(&self.contract),
            Arc::new(signer.unwrap().verifier()),
            Arc::new(validator),
            Metrics::default(),
        )
        .unwrap();
        parts.responses = Some(Arc::clone(responses) as Arc<dyn Responses>);
        let mut options = self.options();
        options.replays = true;
        let service = stack(&parts, echo.routes().prepare());
        self.start(echo, None, options, service).await
    }

    pub(crate) async fn start(
        &self,
        echo: &Echo,
        instance_id: Option<&str>,
        options: ServerOptions,
        service: impl LayerService,
    ) -> Arc<KafkaServer> {
        let mut settings = self.settings.clone();
        settings.instance_id = instance_id.map(str::to_owned);
        let health = Health::default();
        let component = health.component("kafka");
        let server = KafkaServer::start(&settings, &self.contract, options, service, component);
        let server = Arc::new(server.unwrap());
        within(health.ready()).await;
        self.servers.lock().push(Arc::clone(&server));
        self.ledgers.lock().push(echo.ledger.clone());
        server
    }
}

/// The topics of a contract, each with as many partitions.
fn topics(contract: &Contract, app: &str, partitions: i32) -> Vec<TopicSpec> {
    let mut topics = bus::topics::plan(contract, &[app], partitions);
    for topic in &mut topics {
        topic.partitions = topic.partitions.min(partitions);
    }
    topics
}

/// The test contract, each topic with a prefix.
pub(crate) fn contract(prefix: &str) -> Arc<Contract> {
    let contract = Contract::read(test_contract::echo::descriptors(), &[ECHO, NOTE]).unwrap();
    Arc::new(contract.with_topics(|topic| format!("{prefix}{topic}")))
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("took longer than 30 s")
}
