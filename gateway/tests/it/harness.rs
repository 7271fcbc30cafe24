//! The gateway, and an HTTP/1.1 client that sends and reads plain text.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use bus::{EmbeddedBroker, KafkaChannel};
use chassis::health::Health;
use chassis::shutdown::Shutdown;
use gateway::limits::Limiter;
use gateway::revocation::Revocations;
use gateway::tls::Tls;
use gateway::{Contracts, Edge, Gateway, Parts, Tokens, server};
use serde_json::Value;
use token::{AccessSigner, AccessVerifier, RefreshKeys};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The first test key of RFC 8032.
pub(crate) const ACCESS_KEY: &str = "k4.secret.nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL_tPJZAc6DuFy89qmIyWvAhpo9wdRGg";
const KEY: &str = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";

pub(crate) struct TestGateway {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub serving: JoinHandle<()>,
    _broker: Option<EmbeddedBroker>,
}

pub(crate) struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl TestGateway {
    /// A gateway that browsers may call from `origins`.
    pub(crate) async fn start(origins: &[&'static str]) -> Self {
        let edge = Edge {
            cors_origins: origins
                .iter()
                .map(|origin| origin.parse().unwrap())
                .collect(),
            ..Edge::default()
        };
        Self::with(Contracts::compiled().unwrap(), edge, None).await
    }

    /// A gateway in front of `contracts`.
    pub(crate) async fn fronting(contracts: Contracts) -> Self {
        Self::with(contracts, Edge::default(), None).await
    }

    /// A gateway with a broker and keys of its own if `contracts` need them.
    pub(crate) async fn with(contracts: Contracts, edge: Edge, tls: Option<Tls>) -> Self {
        let on_bus = !contracts.bus().methods().is_empty();
        let broker = on_bus.then(|| EmbeddedBroker::start(&[]).unwrap());
        let channel = broker.as_ref().map(|broker| {
            let settings = broker.settings("gateway", bus::keys::KeyRing::parse(KEY).unwrap());
            // Registered apart: there are no topics, so it need not come up for the gateway to be ready.
            let kafka = Health::default().component("kafka");
            KafkaChannel::start(&settings, contracts.bus(), "gateway", kafka).unwrap()
        });
        let tokens = if contracts.hosts_accounts() {
            Tokens::Minted {
                signer: AccessSigner::from_paserk(ACCESS_KEY).unwrap(),
                refresh_keys: RefreshKeys::from_paserk(KEY).unwrap(),
            }
        } else {
            Tokens::Verified(AccessVerifier::without_keys())
        };
        let page = async |Path(id): Path<String>| id;
        let gateway = Gateway::new(Parts {
            channel,
            contracts,
            tokens,
            revocations: Revocations::in_memory(),
            limiter: Limiter::in_memory(),
            health: Health::default(),
            metrics: chassis::metrics::Metrics::default(),
            edge,
            pages: Router::new().route("/dev/page/{id}", get(page)),
        })
        .await
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::default();
        let serving = tokio::spawn(server::serve(listener, tls, gateway, shutdown.clone()));
        Self {
            address,
            shutdown,
            serving,
            _broker: broker,
        }
    }

    /// The answer to `request`: its first line and headers, without `host`.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut stream = self.send(request, "connection: close\r\n\r\n").await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Answer::parse(&text)
    }

    /// A connection on which `request` was sent, and after it what ends the head.
    pub(crate) async fn send(&self, request: &str, end: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut lines = request.lines();
        let mut text = format!("{} HTTP/1.1\r\nhost: gateway\r\n", lines.next().unwrap());
        lines.for_each(|line| text += &format!("{line}\r\n"));
        stream.write_all((text + end).as_bytes()).await.unwrap();
        stream
    }
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect(text);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(body);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// All values of a header, in their order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().skip(1);
        let lines = lines.filter_map(|line| line.split_once(": "));
        lines.filter_map(move |(found, value)| (found == name).then_some(value))
    }

    /// The reason of an error, which must be in the one shape.
    pub(crate) fn reason(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{}",
            self.head
        );
        let error: Value = serde_json::from_str(&self.body).expect(&self.body);
        assert!(
            error["code"].is_u64() && error["message"].is_string(),
            "{error}"
        );
        let details = error["details"].as_array().unwrap();
        let reason = details.iter().find_map(|detail| detail["reason"].as_str());
        reason.expect(&self.body).to_owned()
    }
}

/// What chunks hold (RFC 9112, 7.1). The last one, which is empty, must be there.
fn unchunked(mut chunks: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n").expect(chunks);
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body += &rest[..length];
        chunks = rest[length..].strip_prefix("\r\n").unwrap();
    }
}
