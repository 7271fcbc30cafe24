//! Two releases of one contract: the older caller with the newer service, and the reverse.

use std::sync::Arc;
use std::time::Duration;

use bus::server::ServerOptions;
use bus::{KafkaChannel, KafkaServer};
use chassis::contract::Contract;
use chassis::health::Health;
use prost_reflect::DescriptorPool;
use test_contract::{COMPAT, newer, older};
use tonic::{Code, Request, Response, Status};

use crate::harness::{Bus, within};

/// Either release's service.
#[derive(Debug, Clone, Copy)]
struct Looker;

#[tonic::async_trait]
impl older::compat_service_server::CompatService for Looker {
    async fn look(
        &self,
        request: Request<older::LookRequest>,
    ) -> Result<Response<older::LookResponse>, Status> {
        let older::LookRequest { name, colour } = request.into_inner();
        Ok(Response::new(older::LookResponse { name, colour }))
    }
}

#[tonic::async_trait]
impl newer::compat_service_server::CompatService for Looker {
    async fn look(
        &self,
        request: Request<newer::LookRequest>,
    ) -> Result<Response<newer::LookResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(newer::LookResponse {
            name: request.name,
            colour: request.colour,
            seconds: request.seconds.max(1),
            tags: request.tags,
        }))
    }

    async fn look_twice(
        &self,
        request: Request<newer::LookRequest>,
    ) -> Result<Response<newer::LookResponse>, Status> {
        newer::compat_service_server::CompatService::look(self, request).await
    }
}

/// A release's contract, under names of this case's own.
fn contract(bus: &Bus, pool: &DescriptorPool) -> Arc<Contract> {
    let contract = Contract::read(pool, &[COMPAT]).unwrap();
    Arc::new(contract.with_topics(|topic| format!("{}.{topic}", bus.app)))
}

/// A service and a channel of two releases, both ready.
async fn meet<S>(
    bus: &Bus,
    caller: &DescriptorPool,
    worker: &DescriptorPool,
    service: S,
) -> (KafkaChannel, KafkaServer)
where
    S: tower::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    // The newer release has every topic that the older has.
    for topic in bus::topics::plan(&contract(bus, newer::descriptors()), &[], 1) {
        bus.create(&topic).await;
    }
    let health = Health::default();
    let options = ServerOptions::new(&format!("compat-{}", bus.app), &[COMPAT]);
    let up = health.component("server");
    let server = KafkaServer::start(bus.settings(), &contract(bus, worker), options, service, up);
    let connected = health.component("channel");
    let channel = KafkaChannel::start(bus.settings(), contract(bus, caller), &bus.app, connected);
    within(health.ready()).await;
    (channel.unwrap(), server.unwrap())
}

pub(crate) async fn an_older_caller_is_served_by_a_newer_service(bus: Bus) {
    let service = newer::compat_service_server::CompatServiceServer::new(Looker);
    let (caller, worker) = (older::descriptors(), newer::descriptors());
    let (channel, server) = meet(&bus, caller, worker, service).await;
    let mut client = older::compat_service_client::CompatServiceClient::new(channel.clone());
    let request = older::LookRequest {
        name: "ada".into(),
        colour: older::Colour::Red.into(),
    };
    let answer = client.look(request).await.unwrap().into_inner();
    assert_eq!(
        (answer.name.as_str(), answer.colour()),
        ("ada", older::Colour::Red)
    );
    channel.shutdown().await;
    server.shutdown(Duration::from_secs(5)).await;
    bus.finish().await;
}

pub(crate) async fn a_newer_caller_is_served_by_an_older_service(bus: Bus) {
    let service = older::compat_service_server::CompatServiceServer::new(Looker);
    let (caller, worker) = (newer::descriptors(), older::descriptors());
    let (channel, server) = meet(&bus, caller, worker, service).await;
    let mut client = newer::compat_service_client::CompatServiceClient::new(channel.clone());
    let request = newer::LookRequest {
        name: "ada".into(),
        colour: newer::Colour::Green.into(),
        seconds: 3,
        tags: vec!["new".into()],
    };
    let answer = client.look(request.clone()).await.unwrap().into_inner();
    // A value that the older release does not name comes back as it was; a field that it does not
    // have is as if it were not set.
    assert_eq!(
        (answer.name.as_str(), answer.colour()),
        ("ada", newer::Colour::Green)
    );
    assert_eq!((answer.seconds, answer.tags.len()), (0, 0));
    // Nobody serves the new method yet.
    let mut request = Request::new(request);
    request.set_timeout(Duration::from_millis(300));
    let status = client.look_twice(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    channel.shutdown().await;
    server.shutdown(Duration::from_secs(5)).await;
    bus.finish().await;
}
