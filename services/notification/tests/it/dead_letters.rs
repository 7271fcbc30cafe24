//! The service whole, on a broker: an event that cannot be handled, and what operators do about it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bus::EmbeddedBroker;
use bus::event::{Publisher, Sealer};
use bus::keys::KeyRing;
use chassis::contract::Contract;
use chassis::health::Health;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use notification::server::{self, GROUP, SERVICE};
use notification::{Mailbox, Notifications};
use proto::notification::v1::dead_letter::Value;
use proto::notification::v1::dead_letter_service_client::DeadLetterServiceClient;
use proto::notification::v1::{
    ListDeadLettersRequest, RedriveDeadLettersRequest, ShowDeadLetterRequest,
};
use token::AccessSigner;
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::app::{TestApp, email};

const PATIENCE: Duration = Duration::from_secs(30);
const SEND_EMAIL: &str = "/notification.v1.NotificationService/SendEmail";
const TOPIC: &str = "notification.send.email";

/// The service as a process has it, in this one.
struct Running {
    client: DeadLetterServiceClient<Channel>,
    token: String,
    mailbox: Mailbox,
    publisher: Publisher,
    sealer: Sealer,
    letters: bus::dead_letter::DeadLetters,
    shutdown: Shutdown,
    served: tokio::task::JoinHandle<anyhow::Result<()>>,
    _broker: EmbeddedBroker,
}

impl Running {
    async fn start() -> Self {
        let keys = token::generate().unwrap();
        let signer = AccessSigner::from_paserk(&keys.access_secret).unwrap();
        let contract = Arc::new(Contract::read(proto::descriptors(), &[SERVICE]).unwrap());
        let broker = EmbeddedBroker::start(&bus::topics::plan(&contract, &[], 1)).unwrap();
        let settings = broker.settings("test", KeyRing::parse(&keys.bus).unwrap());
        let notifications: Notifications = TestApp::capturing().service;
        let mailbox = notifications.mailbox().unwrap().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (health, shutdown) = (Health::default(), Shutdown::default());
        let parts = server::Parts {
            notifications,
            bus: settings.clone(),
            contract: Arc::clone(&contract),
            verifier: signer.verifier(),
            metrics: Metrics::default(),
            listener,
        };
        let served = tokio::spawn(server::run(parts, health.clone(), shutdown.clone()));
        let ready = tokio::time::timeout(PATIENCE, health.ready());
        ready.await.expect("a ready service");
        let token = signer.issue_service("test", SystemTime::now(), PATIENCE * 10);
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Self {
            client: DeadLetterServiceClient::new(channel),
            token: token.unwrap(),
            mailbox,
            publisher: Publisher::new(&settings),
            letters: bus::dead_letter::DeadLetters::new(&settings, &contract, &[SERVICE], GROUP),
            sealer: Sealer::new(contract, settings.keys.clone(), "test"),
            shutdown,
            served,
            _broker: broker,
        }
    }

    fn bearing<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// Publishes a mail to an address that none can be sent to.
    async fn publish_undeliverable(&self, id: &str) {
        let mail = email("nobody");
        let event = self
            .sealer
            .seal(SEND_EMAIL, &mail, id, id, SystemTime::now());
        self.publisher.publish(&event.unwrap()).await.unwrap();
    }

    async fn depth(&self) -> Result<u64, Status> {
        let request = self.bearing(ListDeadLettersRequest {});
        let listed = self.client.clone().list_dead_letters(request).await?;
        let depths = listed.into_inner().depths;
        let topic = format!("{TOPIC}.dlq");
        Ok(depths
            .iter()
            .find(|depth| depth.topic == topic)
            .unwrap()
            .depth)
    }

    /// Ends when there are as many dead letters.
    async fn reaches(&self, depth: u64) {
        let reached = async { while self.depth().await.unwrap() < depth {} };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("as many dead letters");
    }

    async fn stop(self) {
        self.shutdown.begin();
        let served = tokio::time::timeout(PATIENCE, self.served).await;
        served.expect("a stop in time").unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_count_show_and_redrive_dead_letters() {
    let service = Running::start().await;
    assert_eq!(service.depth().await.unwrap(), 0);
    service.publish_undeliverable("event-1").await;
    service.publish_undeliverable("event-2").await;
    service.reaches(2).await;
    let mut client = service.client.clone();

    let place = ShowDeadLetterRequest {
        topic: TOPIC.into(),
        partition: 0,
        offset: 0,
    };
    let shown = client.show_dead_letter(service.bearing(place)).await;
    let letter = shown.unwrap().into_inner().dead_letter.unwrap();
    assert_eq!(letter.code, "InvalidArgument");
    assert!(letter.event_id.starts_with("event-"), "{letter:?}");
    let Some(Value::Json(json)) = letter.value else {
        panic!("{letter:?}");
    };
    assert!(json.contains(r#""to":"nobody""#), "{json}");

    let all = RedriveDeadLettersRequest {
        topic: TOPIC.into(),
        per_second: 1000,
        ..RedriveDeadLettersRequest::default()
    };
    let redriven = client.redrive_dead_letters(service.bearing(all.clone()));
    assert_eq!(redriven.await.unwrap().into_inner().sent, 2);
    // They fail again, and are letters of their own.
    service.reaches(2).await;
    let one = RedriveDeadLettersRequest {
        partition: Some(0),
        offset: Some(0),
        ..all
    };
    let redriven = client.redrive_dead_letters(service.bearing(one)).await;
    let redriven = redriven.unwrap().into_inner();
    assert_eq!((redriven.sent, redriven.known), (0, 1));
    assert!(service.mailbox.list().is_empty());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_a_service_token_sees_a_dead_letter() {
    let service = Running::start().await;
    let mut client = service.client.clone();
    let denied = client.list_dead_letters(ListDeadLettersRequest {}).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let all = RedriveDeadLettersRequest {
        topic: TOPIC.into(),
        ..RedriveDeadLettersRequest::default()
    };
    let denied = client.redrive_dead_letters(all).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_says_the_same() {
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(subcommand)]
        verb: notification::dlq::DlqVerb,
    }
    let service = Running::start().await;
    service.publish_undeliverable("event-1").await;
    service.reaches(1).await;
    let run = async |args: &str| {
        let words = std::iter::once("dlq").chain(args.split(' '));
        let verb = Cli::parse_from(words).verb;
        verb.run(&service.letters).await
    };
    let listed = run("list").await.unwrap();
    assert!(
        listed.contains("notification.send.email.dlq           1  20"),
        "{listed}"
    );
    let shown = run("show notification.send.email 0 0").await.unwrap();
    assert!(shown.contains("event       event-1"), "{shown}");
    let redrive = "redrive notification.send.email.dlq --all --limit 1";
    assert_eq!(run(redrive).await.unwrap(), "1 sent again\n");
    let error = run("show user.find 0 0").await.unwrap_err().to_string();
    assert!(error.contains("it has notification.send.email"), "{error}");
    service.stop().await;
}
