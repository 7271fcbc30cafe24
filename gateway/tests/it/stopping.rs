//! The soft stop of a gateway with connections.

use std::time::Duration;

use chassis::grpc::DRAIN;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Answer, TestGateway};

/// How long a stop takes that nothing holds.
const SOON: Duration = Duration::from_secs(4);

/// What stands in the buffer after at least one read.
async fn read(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn neither_a_watch_nor_an_idle_connection_holds_it() {
    let gateway = TestGateway::start(&[]).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.address)).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let watched = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut watched = watched.into_inner();
    watched.message().await.unwrap().unwrap();
    let mut idle = gateway.send("GET /livez", "\r\n").await;
    assert_eq!(Answer::parse(&read(&mut idle).await).status, 200);
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    silent.write_all(b"PRI").await.unwrap();

    gateway.shutdown.begin();
    let last = watched.message().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing.into());
    assert!(watched.message().await.unwrap().is_none());
    assert_eq!(read(&mut idle).await, "");
    tokio::time::timeout(SOON, gateway.serving)
        .await
        .unwrap()
        .unwrap();
}

/// A call that is under way keeps its connection, and no longer than the drain.
#[tokio::test]
async fn a_slow_upload_holds_it_for_the_drain_at_most() {
    let gateway = TestGateway::start(&[]).await;
    let request = "POST /api/v1/auth/login\nexpect: 100-continue\ncontent-length: 100\n\
                   content-type: application/json";
    let mut slow = gateway.send(request, "\r\n").await;
    assert!(read(&mut slow).await.starts_with("HTTP/1.1 100 "));

    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    gateway.shutdown.begin();
    gateway.serving.await.unwrap();
    assert!((DRAIN..DRAIN * 2).contains(&begun.elapsed()));
    tokio::time::resume();
    assert_eq!(slow.read(&mut [0; 64]).await.unwrap_or(0), 0);
}
