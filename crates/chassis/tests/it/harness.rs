//! The echo service within the layers, and clients that call it as a transport would.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chassis::call::{Budget, CallId, FromBus};
use chassis::contract::Contract;
use chassis::layer::idempotency::MemoryResponses;
use chassis::layer::{LayerService, Parts, stack};
use chassis::metrics::Metrics;
use http::{Request, Response};
use test_contract::Echo;
use test_contract::echo::echo_service_client::EchoServiceClient;
use test_contract::echo::{EchoRequest, EchoResponse};
use token::AccessSigner;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use validate::Validator;

/// What calls a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Kafka,
    Http2,
}

pub(crate) const BOTH: [By; 2] = [By::Kafka, By::Http2];

pub(crate) type Calls = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;
pub(crate) type Client = EchoServiceClient<Calls>;

/// The echo service within the layers.
pub(crate) struct TestApp {
    pub(crate) metrics: Metrics,
    pub(crate) echo: Echo,
    service: Calls,
}

/// The parts of layers that let `max_in_flight` calls run at once.
pub(crate) fn parts(max_in_flight: usize) -> Parts {
    let descriptors = test_contract::echo::descriptors();
    let contract = Contract::read(descriptors, &[test_contract::ECHO]).unwrap();
    let keys = token::generate().unwrap();
    let verifier = AccessSigner::from_paserk(&keys.access_secret)
        .unwrap()
        .verifier();
    let validator = Validator::new(descriptors).unwrap();
    let (contract, verifier) = (Arc::new(contract), Arc::new(verifier));
    let parts = Parts::new(contract, verifier, Arc::new(validator), Metrics::default());
    Parts {
        max_in_flight,
        ..parts.unwrap()
    }
}

/// A service as a transport calls it: the bus says which call it is, that its caller is one of ours,
/// and that it sees to the deadline.
pub(crate) fn called_by<S: LayerService>(by: By, service: S) -> Calls {
    let mark = move |mut request: Request<Body>| {
        if by == By::Kafka {
            let extensions = request.extensions_mut();
            extensions.insert(CallId("0123456789abcdef".to_owned()));
            extensions.insert(FromBus);
            extensions.insert(Budget(Duration::from_secs(5)));
        }
        request
    };
    let service = ServiceBuilder::new().map_request(mark).service(service);
    BoxCloneSyncService::new(service)
}

pub(crate) fn code(answer: &Result<tonic::Response<EchoResponse>, Status>) -> Code {
    answer.as_ref().map_or_else(Status::code, |_| Code::Ok)
}

/// A call that takes so many milliseconds.
pub(crate) fn slow(delay_ms: u32) -> EchoRequest {
    EchoRequest {
        text: "slow".into(),
        delay_ms,
        ..EchoRequest::default()
    }
}

// === impl TestApp ===

impl TestApp {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        Self::of(parts(max_in_flight))
    }

    /// Keeps responses to calls with a key.
    pub(crate) fn replaying() -> Self {
        Self::replaying_at_most(100)
    }

    pub(crate) fn replaying_at_most(responses: usize) -> Self {
        Self::replaying_with(responses, 100)
    }

    pub(crate) fn replaying_with(responses: usize, max_in_flight: usize) -> Self {
        let responses = MemoryResponses::new(responses, Duration::from_secs(3600));
        Self::of(Parts {
            responses: Some(Arc::new(responses)),
            ..parts(max_in_flight)
        })
    }

    fn of(parts: Parts) -> Self {
        let echo = Echo::default();
        let service = stack(&parts, echo.routes().prepare());
        Self {
            metrics: parts.metrics,
            echo,
            service: BoxCloneSyncService::new(service),
        }
    }

    pub(crate) fn client(&self, by: By) -> Client {
        EchoServiceClient::new(called_by(by, self.service.clone()))
    }

    /// Ends when the service works on so many calls.
    pub(crate) async fn running(&self, count: usize) {
        let reached = self.echo.ledger.until(|ledger| ledger.running() == count);
        let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
        reached.expect("as many calls run");
    }

    /// The lines of the metrics that hold all of `parts`.
    pub(crate) fn counted(&self, parts: &[&str]) -> Vec<String> {
        let text = self.metrics.render();
        let lines = text
            .lines()
            .filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect()
    }
}
