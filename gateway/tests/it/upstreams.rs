//! A gRPC server that knows nothing of the platform, fronted through its descriptor set.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chassis::contract::Access;
use gateway::Contracts;
use gateway::contracts::{Bus, DescriptorSet, upstreams};
use serde_json::{Value, json};
use test_contract::Feed;
use test_contract::feed::feed_service_client::FeedServiceClient;
use test_contract::feed::feed_service_server::FeedServiceServer;
use test_contract::feed::{DESCRIPTORS, GetRequest, Post, WatchRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic::transport::server::TcpIncoming;

use crate::harness::TestGateway;

/// How long anything may take that is not itself a matter of time.
const PATIENCE: Duration = Duration::from_secs(30);

fn contracts(server: SocketAddr, access: Access) -> Contracts {
    read(&format!("http://{server}"), access, Bus::Here)
}

/// The feed at `server` beside the platform's own services, or without a bus alone.
pub(crate) fn read(server: &str, access: Access, bus: Bus) -> Contracts {
    let set = DescriptorSet {
        name: "feed.binpb".into(),
        bytes: DESCRIPTORS.to_vec(),
    };
    let named = upstreams(&format!("feed.v1.FeedService={server}")).unwrap();
    Contracts::read(&[set], &named, Some(access), bus).unwrap()
}

/// The connection of the gateway. The port may have been a broker's before, whose clients look for it here
/// and speak no HTTP/2.
pub(crate) async fn accepted(listener: &TcpListener) -> h2::server::Connection<TcpStream, Bytes> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(connection) = h2::server::handshake(stream).await {
            return connection;
        }
    }
}

/// Serves the feed until the test ends.
pub(crate) fn serve(listener: TcpListener) -> Feed {
    let feed = Feed::default();
    let server =
        tonic::transport::Server::builder().add_service(FeedServiceServer::new(feed.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    feed
}

async fn fronted(access: Access) -> (TestGateway, Feed) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let feed = serve(listener);
    (TestGateway::fronting(contracts(server, access)).await, feed)
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect(json)
}

fn post(number: u32) -> Value {
    json!({"feed": "a", "number": number.to_string()})
}

#[tokio::test]
async fn a_unary_method_is_called_with_the_metadata_that_goes_further_and_a_deadline() {
    let (gateway, _) = fronted(Access::Public).await;
    let answer = gateway
        .ask("GET /v1/feeds/a/posts/3\naccept-language: sv\nx-user-id: 7")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(parsed(&answer.body), post(3));
    assert_eq!(answer.header("grpc-metadata-language"), Some("sv"));
    assert_eq!(answer.header("grpc-metadata-timed"), Some("1"));
}

#[tokio::test]
async fn an_error_keeps_its_code_and_reason() {
    let (gateway, _) = fronted(Access::Public).await;
    let answer = gateway.ask("GET /v1/feeds/a/posts/0").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "NO_SUCH_POST")
    );
}

#[tokio::test]
async fn a_stream_takes_the_form_that_the_client_accepts() {
    let (gateway, _) = fronted(Access::Public).await;
    let line = |number: u32| post(number).to_string();
    let (one, two) = (line(1), line(2));
    for (accept, form, body) in [
        ("*/*", "application/json", format!("[{one},{two}]")),
        (
            "application/x-ndjson",
            "application/x-ndjson",
            format!("{one}\n{two}\n"),
        ),
        (
            "application/json;q=0.5, text/event-stream",
            "text/event-stream",
            format!("data: {one}\n\ndata: {two}\n\nevent: end\ndata: {{}}\n\n"),
        ),
    ] {
        let request = format!("GET /v1/feeds/a:watch?count=2\naccept: {accept}");
        let answer = gateway.ask(&request).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(form))
        );
        assert_eq!(answer.body, body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let empty = gateway.ask("GET /v1/feeds/a:watch").await;
    assert_eq!((empty.status, empty.body.as_str()), (200, "[]"));
    let answer = gateway
        .ask("GET /v1/feeds/a:watch\naccept: text/html")
        .await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (406, "NOT_ACCEPTABLE")
    );
}

#[tokio::test]
async fn an_error_in_mid_stream_is_its_last_element_and_one_before_is_the_answer() {
    let (gateway, _) = fronted(Access::Public).await;
    let answer = gateway.ask("GET /v1/feeds/a:watch?count=1&fail=true").await;
    let elements = parsed(&answer.body);
    assert_eq!((answer.status, elements[0].clone()), (200, post(1)));
    assert_eq!(elements[1]["code"], 15);
    assert_eq!(elements[1]["message"], "the feed is torn");
    assert_eq!(elements[1]["details"][0]["reason"], "DATA_LOSS");
    let request = "GET /v1/feeds/a:watch?count=1&fail=true\naccept: text/event-stream";
    let answer = gateway.ask(request).await;
    let (_, last) = answer.body.split_once("event: error\ndata: ").unwrap();
    assert_eq!(parsed(last)["code"], 15);
    for request in [
        "GET /v1/feeds/a:watch?fail=true",
        "GET /v1/feeds/a:watch?count=4000000000",
    ] {
        let answer = gateway.ask(request).await;
        assert_ne!(answer.status, 200);
        answer.reason();
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_stream() {
    let (gateway, feed) = fronted(Access::Public).await;
    let mut stream = gateway
        .send("GET /v1/feeds/a:watch?count=100000000", "\r\n")
        .await;
    let mut some = [0; 4096];
    stream.read_exact(&mut some).await.unwrap();
    assert_eq!(feed.watchers(), 1);
    stream.shutdown().await.unwrap();
    drop(stream);
    let gone = async {
        while feed.watchers() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn native_calls_go_through_streams_of_requests_included() {
    let (gateway, _) = fronted(Access::Public).await;
    let mut client = FeedServiceClient::connect(format!("http://{}", gateway.address))
        .await
        .unwrap();
    let request = GetRequest {
        feed: "a".into(),
        number: 2,
    };
    assert_eq!(client.get(request).await.unwrap().into_inner().number, 2);
    let watched = WatchRequest {
        feed: "a".into(),
        count: 3,
        fail: true,
    };
    let mut posts = client.watch(watched).await.unwrap().into_inner();
    for number in 1..=3 {
        assert_eq!(posts.message().await.unwrap().unwrap().number, number);
    }
    assert_eq!(posts.message().await.unwrap_err().code(), Code::DataLoss);
    let posts = (0..5).map(|_| Post::default()).collect::<Vec<_>>();
    let taken = client.upload(tokio_stream::iter(posts)).await.unwrap();
    assert_eq!(taken.into_inner().count, 5);
    // Over REST there is no form for them, whatever the contract says.
    let answer = gateway
        .ask("POST /v1/feeds:upload\ncontent-length: 0")
        .await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "ROUTE_NOT_FOUND")
    );
}

#[tokio::test]
async fn access_is_what_the_setting_says_where_the_contract_says_nothing() {
    let (gateway, _) = fronted(Access::Authenticated).await;
    let answer = gateway.ask("GET /v1/feeds/a/posts/3").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "TOKEN_MISSING")
    );
}

#[tokio::test]
async fn its_routes_are_in_the_document_beside_the_platforms_own() {
    let (gateway, _) = fronted(Access::Public).await;
    let document = parsed(&gateway.ask("GET /api/openapi.json").await.body);
    let watch = &document["paths"]["/v1/feeds/{feed}:watch"]["get"];
    let forms = &watch["responses"]["200"]["content"];
    assert!(forms["text/event-stream"].is_object(), "{watch}");
    assert!(document["paths"]["/api/v1/auth/login"].is_object());
    assert!(document["paths"].get("/v1/feeds:upload").is_none());
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_until_it_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    drop(listener);
    let gateway = TestGateway::fronting(contracts(server, Access::Public)).await;
    let answer = gateway.ask("GET /v1/feeds/a/posts/3").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "UNAVAILABLE")
    );
    assert!(answer.header("retry-after").is_some());
    // After so many failures it is not asked any more,
    let mut reasons = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = gateway.ask("GET /v1/feeds/a/posts/3").await;
        assert_eq!(answer.status, 503);
        reasons.insert(answer.reason());
    }
    assert!(reasons.contains("SERVICE_UNAVAILABLE"), "{reasons:?}");
    // and yet is found again.
    serve(TcpListener::bind(server).await.unwrap());
    let there = async {
        while gateway.ask("GET /v1/feeds/a/posts/3").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.unwrap();
}

#[tokio::test]
async fn without_a_bus_nothing_of_the_platform_is_there_and_the_rest_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    serve(listener);
    let contracts = read(&format!("http://{server}"), Access::Public, Bus::Absent);
    let gateway = TestGateway::fronting(contracts).await;
    assert_eq!(gateway.ask("GET /readyz").await.status, 200);
    assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, 200);
    let answer = gateway.ask("POST /api/v1/auth/login").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "ROUTE_NOT_FOUND")
    );
    let document = parsed(&gateway.ask("GET /api/openapi.json").await.body);
    assert!(document["paths"]["/v1/feeds/{feed}:watch"].is_object());
    assert!(document["paths"]["/api/v1/auth/login"].is_null());
}
