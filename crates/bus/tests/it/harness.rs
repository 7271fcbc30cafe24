//! A broker, a service under test, and clients of it.

use std::collections::HashMap;
#[cfg(feature = "real")]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bus::keys::KeyRing;
use bus::server::ServerOptions;
#[cfg(feature = "real")]
use bus::topics::TopicSpec;
use bus::{EmbeddedBroker, KafkaChannel, KafkaServer, Settings};
use chassis::call::FromBus;
use chassis::contract::Contract;
use chassis::health::Health;
use proto::notification::v1::notification_service_server::{
    NotificationService, NotificationServiceServer,
};
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use proto::user::v1::user_service_client::UserServiceClient;
use proto::user::v1::user_service_server::{UserService, UserServiceServer};
use proto::user::v1::*;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tonic::{Request, Response, Status};

pub(crate) const USER: &str = "user.v1.UserService";
pub(crate) const NOTIFICATION: &str = "notification.v1.NotificationService";

/// How long anything may take that is not itself a matter of time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer requests are not echoed: their replies would be over the limit.
const ECHOED: usize = 1000;

#[cfg(feature = "real")]
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A broker with the topics of the contracts, under names of this test's own where it is shared.
pub(crate) struct Broker {
    settings: Settings,
    contract: Arc<Contract>,
    pub(crate) app: String,
    _embedded: Option<EmbeddedBroker>,
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::parse("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8").unwrap()
}

/// A record as a stranger's consumer reads it.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Vec<u8>,
    pub(crate) time_ms: i64,
}

impl Broker {
    pub(crate) fn embedded() -> Self {
        let contract = contract("");
        let topics = bus::topics::plan(&contract, &["test"], 1);
        let embedded = EmbeddedBroker::start(&topics).unwrap();
        let settings = embedded.settings("test", keys());
        Self {
            settings,
            contract,
            app: "test".into(),
            _embedded: Some(embedded),
        }
    }

    #[cfg(feature = "real")]
    pub(crate) async fn real() -> Self {
        let brokers = std::env::var("TEST_KAFKA_BROKERS")
            .expect("TEST_KAFKA_BROKERS is not set; run `cargo xtask test`");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("t{}-{number}.", std::process::id());
        let contract = contract(&prefix);
        let app = format!("{prefix}test");
        let settings = Settings::new(brokers, "test", keys());
        let topics: Vec<TopicSpec> = bus::topics::plan(&contract, &[&app], 1)
            .into_iter()
            .map(|topic| TopicSpec {
                partitions: 1,
                ..topic
            })
            .collect();
        bus::topics::apply(&settings.brokers, &topics, Some(1))
            .await
            .unwrap();
        Self {
            settings,
            contract,
            app,
            _embedded: None,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn topic(&self, path: &str) -> String {
        self.contract.get(path).unwrap().topic.clone()
    }

    /// A channel that is ready.
    pub(crate) async fn channel(&self) -> KafkaChannel {
        let health = Health::default();
        let users = Arc::clone(&self.contract);
        let channel =
            KafkaChannel::start(&self.settings, users, &self.app, health.component("kafka"))
                .unwrap();
        within(health.ready()).await;
        channel
    }

    /// A server that is ready.
    pub(crate) async fn serve(&self, service: &TestService) -> KafkaServer {
        self.serve_as(service, None).await
    }

    /// A server that is ready, with an instance id.
    pub(crate) async fn serve_as(
        &self,
        service: &TestService,
        instance_id: Option<&str>,
    ) -> KafkaServer {
        let mut settings = self.settings.clone();
        settings.instance_id = instance_id.map(str::to_owned);
        let routes = tonic::service::Routes::new(UserServiceServer::new(service.clone()))
            .add_service(NotificationServiceServer::new(service.clone()));
        let health = Health::default();
        // The group is the broker's own where topics are shared by tests.
        let options = ServerOptions::new(&format!("group-{}", self.app), &[USER, NOTIFICATION]);
        let contract = Arc::clone(&self.contract);
        let server = KafkaServer::start(
            &settings,
            contract,
            options,
            routes,
            health.component("kafka"),
        )
        .unwrap();
        within(health.ready()).await;
        server
    }

    /// Every record of a topic, from the beginning, once there are at least `count`.
    pub(crate) async fn raw(&self, topic: &str, count: usize) -> Vec<Raw> {
        let (brokers, topic) = (self.settings.brokers.clone(), topic.to_owned());
        let enough = move |found: &[Raw]| found.len() >= count;
        tokio::task::spawn_blocking(move || read_raw(&brokers, &topic, enough))
            .await
            .unwrap()
    }

    /// The reply that bears a correlation id; pings share its topic.
    pub(crate) async fn reply_to(&self, correlation_id: &str) -> Raw {
        let (brokers, topic) = (self.settings.brokers.clone(), format!("reply.{}", self.app));
        let id = correlation_id.as_bytes().to_vec();
        let is_it = move |raw: &Raw| raw.header("kafka_correlationId") == Some(&id);
        let found = is_it.clone();
        let enough = move |all: &[Raw]| all.iter().any(&found);
        let read = tokio::task::spawn_blocking(move || read_raw(&brokers, &topic, enough));
        read.await.unwrap().into_iter().find(is_it).unwrap()
    }
}

/// Reads with nothing of this crate: what any Kafka consumer sees.
fn read_raw(brokers: &str, topic: &str, enough: impl Fn(&[Raw]) -> bool) -> Vec<Raw> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "raw")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        assignment
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let until = std::time::Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while !enough(&found) {
        assert!(
            std::time::Instant::now() < until,
            "{topic}: only {} records",
            found.len()
        );
        let Some(message) = consumer.poll(Duration::from_millis(50)) else {
            continue;
        };
        let message = message.unwrap();
        found.push(Raw {
            key: message.key().map(<[u8]>::to_vec),
            headers: message.headers().map_or_else(Vec::new, |headers| {
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), h.value.unwrap().to_vec()))
                    .collect()
            }),
            value: message.payload().expect("a value is never null").to_vec(),
            time_ms: message.timestamp().to_millis().unwrap(),
        });
    }
    found
}

impl Raw {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.header(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
    }
}

/// The contracts, each topic with a prefix.
fn contract(prefix: &str) -> Arc<Contract> {
    let contract = Contract::read(proto::descriptors(), &[USER, NOTIFICATION]).unwrap();
    Arc::new(contract.with_topics(|topic| format!("{prefix}{topic}")))
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("took longer than 20 s")
}

pub(crate) fn client(channel: &KafkaChannel) -> UserServiceClient<KafkaChannel> {
    UserServiceClient::new(channel.clone())
}

/// A service whose answers the tests steer by what they ask.
#[derive(Clone, Default)]
pub(crate) struct TestService {
    /// How often each request was handled, by its text.
    pub(crate) handled: Arc<Mutex<HashMap<String, usize>>>,
    pub(crate) notify: Arc<tokio::sync::Notify>,
}

impl TestService {
    fn note(&self, what: &str) -> usize {
        let mut handled = self.handled.lock().unwrap();
        let count = handled.entry(what.to_owned()).or_default();
        *count += 1;
        self.notify.notify_waiters();
        *count
    }

    pub(crate) fn times(&self, what: &str) -> usize {
        self.handled
            .lock()
            .unwrap()
            .get(what)
            .copied()
            .unwrap_or_default()
    }

    /// Ends when a request was handled as often as that.
    pub(crate) async fn reaches(&self, what: &str, times: usize) {
        within(async {
            loop {
                let changed = self.notify.notified();
                if self.times(what) >= times {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

#[tonic::async_trait]
impl UserService for TestService {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        assert!(request.extensions().get::<FromBus>().is_some());
        let request = request.into_inner();
        self.note(&request.password);
        let user = User {
            email: request.email,
            name: request.name,
            ..User::default()
        };
        let secret = request.password.into_bytes();
        let session = Session {
            refresh_secret: secret,
            ..Session::default()
        };
        Ok(Response::new(RegisterResponse {
            user: Some(user),
            session: Some(session),
        }))
    }

    async fn validate(
        &self,
        request: Request<ValidateRequest>,
    ) -> Result<Response<ValidateResponse>, Status> {
        let language = request.metadata().get("accept-language").cloned();
        let authorization = request.metadata().get("authorization").cloned();
        let mut response = Response::new(ValidateResponse::default());
        response
            .metadata_mut()
            .insert("x-language", language.unwrap());
        response
            .metadata_mut()
            .insert("x-authorization", authorization.unwrap());
        Ok(response)
    }

    async fn refresh_session(
        &self,
        _: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        use tonic_types::StatusExt as _;
        let mut details = tonic_types::ErrorDetails::new();
        details.set_error_info("SESSION_REVOKED", "user", []);
        let message = "revoked: \"ä\" 100%\n";
        Err(Status::with_error_details(
            tonic::Code::Unauthenticated,
            message,
            details,
        ))
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let id = request.into_inner().id;
        self.note(&id);
        match id.split_once(':') {
            Some(("panic", _)) => panic!("as asked"),
            Some(("slow", millis)) => {
                tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
            }
            _ => {}
        }
        if id.len() > ECHOED {
            return Ok(Response::new(FindResponse::default()));
        }
        Ok(Response::new(FindResponse {
            user: Some(User {
                id,
                ..User::default()
            }),
        }))
    }
}

#[tonic::async_trait]
impl NotificationService for TestService {
    async fn send_email(&self, request: Request<SendEmailRequest>) -> Result<Response<()>, Status> {
        let to = request.into_inner().to;
        self.note(&to);
        Err(Status::invalid_argument("no such mailbox"))
    }

    async fn send_welcome(
        &self,
        request: Request<SendWelcomeRequest>,
    ) -> Result<Response<()>, Status> {
        let name = request.into_inner().name;
        let times = self.note(&name);
        if times < 3 || name == "never" {
            Err(Status::unavailable("not yet"))
        } else {
            Ok(Response::new(()))
        }
    }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
