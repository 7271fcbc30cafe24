//! What the gateway does about calls beside carrying them: rates, addresses, metadata, compression.

use chassis::contract::Access;
use gateway::contracts::Bus;
use gateway::limits::setting;
use gateway::{Contracts, Edge};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::harness::{Answer, TestGateway};
use crate::upstreams::{read, serve};

/// In front of the feed, with rate limits.
async fn limited(limits: &str, edge: Edge) -> TestGateway {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    serve(listener);
    let contracts = read(&format!("http://{server}"), Access::Public, Bus::Absent);
    let contracts: Contracts = contracts
        .with_rate_limits(setting::read(limits).unwrap())
        .unwrap();
    TestGateway::with(contracts, edge, None).await
}

async fn get(gateway: &TestGateway, headers: &str) -> Answer {
    gateway
        .ask(&format!("GET /v1/feeds/a/posts/3{headers}"))
        .await
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_told_what_is_left_and_when_to_come_back() {
    let gateway = limited("feed.v1.FeedService/Get=2/1h/address", Edge::default()).await;
    for left in ["1", "0"] {
        let answer = get(&gateway, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(left));
        assert_eq!(answer.header("ratelimit-policy"), Some("2;w=3600"));
    }
    // What a client says of itself makes no other caller of it.
    let answer = get(&gateway, "\nx-forwarded-for: 192.0.2.1").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (429, "RATE_LIMITED")
    );
    assert_eq!(answer.header("ratelimit-remaining"), Some("0"));
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&after), "{after}");
    // Other methods are not concerned, nor are errors without a limit.
    let watched = gateway.ask("GET /v1/feeds/a:watch").await;
    assert_eq!(
        (watched.status, watched.header("ratelimit-limit")),
        (200, None)
    );
}

#[tokio::test]
async fn behind_proxies_each_client_is_a_caller() {
    let edge = Edge {
        trusted_proxies: 1,
        ..Edge::default()
    };
    let gateway = limited("feed.v1.FeedService/Get=1/1h/address", edge).await;
    let from = async |addresses: &str| {
        get(&gateway, &format!("\nx-forwarded-for: {addresses}"))
            .await
            .status
    };
    assert_eq!(from("192.0.2.1").await, 200);
    assert_eq!(from("192.0.2.2").await, 200);
    assert_eq!(from("192.0.2.1").await, 429);
    // The last address is the proxy's word, the others are the client's.
    assert_eq!(from("192.0.2.9, 192.0.2.1").await, 429);
}

#[tokio::test]
async fn metadata_goes_further_if_it_is_let() {
    let tenant = "x-tenant".parse().unwrap();
    let edge = Edge {
        metadata: vec![tenant],
        ..Edge::default()
    };
    let gateway = limited("", edge).await;
    for header in ["x-tenant", "grpc-metadata-x-tenant"] {
        let answer = get(&gateway, &format!("\n{header}: acme")).await;
        assert_eq!(
            answer.header("grpc-metadata-tenant"),
            Some("acme"),
            "{header}"
        );
    }
    let closed = limited("", Edge::default()).await;
    let answer = get(&closed, "\nx-tenant: acme").await;
    assert_eq!(answer.header("grpc-metadata-tenant"), None);
}

#[tokio::test]
async fn browsers_may_send_metadata_in_either_form() {
    let edge = Edge {
        metadata: vec!["x-tenant".parse().unwrap()],
        cors_origins: vec!["http://shop.example".parse().unwrap()],
        ..Edge::default()
    };
    let gateway = limited("", edge).await;
    let preflight = "OPTIONS /v1/feeds/a/posts/3\norigin: http://shop.example\n\
                     access-control-request-method: GET";
    let answer = gateway.ask(preflight).await;
    let allowed = answer.header("access-control-allow-headers").unwrap();
    for name in ["x-tenant", "grpc-metadata-x-tenant", "baggage"] {
        assert!(
            allowed.split(',').any(|one| one.trim() == name),
            "{allowed}"
        );
    }
}

#[tokio::test]
async fn what_is_large_is_compressed_for_those_who_take_it() {
    let gateway = limited("", Edge::default()).await;
    for (accept, coding) in [("gzip", "gzip"), ("br;q=0.5, zstd", "zstd"), ("br", "br")] {
        let request = format!("GET /api/openapi.json\naccept-encoding: {accept}");
        let mut stream = gateway.send(&request, "connection: close\r\n\r\n").await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        // The body is no text.
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&bytes[..head])
            .unwrap()
            .replace("transfer-encoding", "x");
        let answer = Answer::parse(&head);
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert!(answer.header("vary").unwrap().contains("accept-encoding"));
    }
    for request in [
        "GET /api/openapi.json",
        "GET /v1/feeds/a/posts/3\naccept-encoding: gzip",
        "GET /v1/feeds/a:watch?count=100\naccept-encoding: gzip",
        "GET /v1/feeds/a:watch?count=100\naccept-encoding: gzip\naccept: text/event-stream",
    ] {
        let answer = gateway.ask(request).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, None),
            "{request}"
        );
    }
}

#[tokio::test]
async fn head_tells_no_length_that_get_might_not_have() {
    let gateway = limited("", Edge::default()).await;
    let long = "a".repeat(2000);
    let head = async |feed: &str, accept: &str| {
        let request = format!("HEAD /v1/feeds/{feed}/posts/3{accept}");
        let answer = gateway.ask(&request).await;
        assert_eq!(answer.status, 200);
        answer.header("content-length").is_some()
    };
    assert!(head(&long, "").await);
    assert!(head("a", "\naccept-encoding: gzip").await);
    assert!(!head(&long, "\naccept-encoding: gzip").await);
}
