//! The gateway alone, with nothing of the platform beside it: before a server that it was not compiled
//! with, without Kafka, Redis and keys.

use serde_json::{Value, json};
use test_contract::feed::DESCRIPTORS;
use test_contract::feed::feed_service_server::FeedServiceServer;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

use crate::harness::{Client, LOGS, PATIENCE, Process, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_needs_nothing_but_its_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let feed = FeedServiceServer::new(test_contract::Feed::default());
    let feed = tonic::transport::Server::builder().add_service(feed);
    tokio::spawn(feed.serve_with_incoming(TcpIncoming::from(listener)));
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("feed.binpb");
    std::fs::write(&set, DESCRIPTORS).unwrap();
    let env = [
        ("PORT", "0".to_owned()),
        ("ADMIN_PORT", "0".to_owned()),
        (LOGS.0, LOGS.1.to_owned()),
        ("UPSTREAMS", format!("feed.v1.FeedService=http://{server}")),
        ("DESCRIPTOR_SETS", set.display().to_string()),
        ("DEFAULT_ACCESS", "public".to_owned()),
    ];
    let process = Process::start("trolleybus-gateway", &env);
    let client = Client::new(&format!("http://{}", process.address().await));
    let ready = async || (client.get("/readyz").await.status == 200).then_some(());
    eventually("the gateway being ready", PATIENCE, ready).await;
    let post = client.get("/v1/feeds/a/posts/3").await.json(200);
    assert_eq!(post, json!({"feed": "a", "number": "3"}));
    let posts: Value = client.get("/v1/feeds/a:watch?count=2").await.json(200);
    assert_eq!(posts.as_array().unwrap().len(), 2);
    let document = client.get("/api/openapi.json").await.json(200);
    assert!(document["paths"]["/v1/feeds/{feed}:watch"].is_object());
    // Nothing of the platform's own is here.
    assert!(document["paths"].get("/api/v1/auth/login").is_none());
    client
        .get("/api/v1/auth/profile")
        .await
        .refused(404, "ROUTE_NOT_FOUND");
}
