//! What a contract says of its methods with the platform's options.

use std::time::{Duration, SystemTime};

use gateway::Contracts;
use gateway::contracts::{Bus, DescriptorSet, upstreams};
use gateway::limits::setting;
use serde_json::{Value, json};
use test_contract::Orders;
use test_contract::order::DESCRIPTORS;
use test_contract::order::order_service_server::OrderServiceServer;
use token::{AccessSigner, Identity};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use uuid::Uuid;

use crate::harness::{ACCESS_KEY, Answer, TestGateway};

/// A gateway in front of the orders, beside the accounts whose tokens it takes.
async fn fronting() -> TestGateway {
    limited("").await
}

/// With rate limits.
async fn limited(limits: &str) -> TestGateway {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let orders = OrderServiceServer::new(Orders);
    let orders = tonic::transport::Server::builder().add_service(orders);
    tokio::spawn(orders.serve_with_incoming(TcpIncoming::from(listener)));
    let set = DescriptorSet {
        name: "order.binpb".into(),
        bytes: DESCRIPTORS.to_vec(),
    };
    let named = upstreams(&format!("order.v1.OrderService=http://{server}")).unwrap();
    let contracts = Contracts::read(&[set], &named, None, Bus::Here).unwrap();
    let limits = setting::read(limits).unwrap();
    TestGateway::fronting(contracts.with_rate_limits(limits).unwrap()).await
}

fn token(scopes: &[&str]) -> String {
    token_of(7, scopes)
}

/// A token of the user with this number.
fn token_of(user: u128, scopes: &[&str]) -> String {
    let signer = AccessSigner::from_paserk(ACCESS_KEY).unwrap();
    let identity = Identity {
        user_id: Uuid::from_u128(user),
        session_id: Uuid::from_u128(8),
        roles: Vec::new(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        auth_epoch: 1,
    };
    let minute = Duration::from_mins(1);
    signer.issue(&identity, SystemTime::now(), minute).unwrap()
}

async fn create(gateway: &TestGateway, scopes: &[&str], body: &str) -> Answer {
    let (token, length) = (token(scopes), body.len());
    let head = format!("POST /v1/orders\nauthorization: Bearer {token}\ncontent-length: {length}");
    let end = format!("connection: close\r\n\r\n{body}");
    let mut stream = gateway.send(&head, &end).await;
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text)
        .await
        .unwrap();
    Answer::parse(&text)
}

#[tokio::test]
async fn a_token_must_be_good_for_the_method() {
    let gateway = fronting().await;
    for scopes in [&["orders.read", "orders.write"][..], &["*"]] {
        assert_eq!(create(&gateway, scopes, "{}").await.status, 201);
    }
    for scopes in [&[][..], &["orders.write"], &["orders.*"]] {
        let answer = create(&gateway, scopes, "{}").await;
        assert_eq!(answer.status, 403, "{scopes:?}");
        assert_eq!(answer.reason(), "SCOPE_MISSING");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"insufficient_scope\", scope=\"orders.write orders.read\"")
        );
    }
    // A method that names none takes any token.
    let token = token(&[]);
    let get = format!("GET /v1/orders/7\nauthorization: Bearer {token}");
    assert_eq!(gateway.ask(&get).await.status, 200);
}

#[tokio::test]
async fn what_was_created_has_a_location() {
    let gateway = fronting().await;
    let answer = create(&gateway, &["*"], r#"{"id":"a/b","sinceNextRelease":[1]}"#).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let location = answer.header("location").unwrap();
    assert_eq!(location, "/v1/orders/a%2Fb");
    let token = token(&[]);
    let get = format!("GET {location}\nauthorization: Bearer {token}");
    let found: Value = serde_json::from_str(&gateway.ask(&get).await.body).unwrap();
    assert_eq!(found, json!({"id": "a/b"}));
    assert_eq!(
        create(&gateway, &["*"], "{}").await.header("location"),
        None
    );
}

#[tokio::test]
async fn each_user_has_a_rate_of_their_own() {
    let gateway = limited("order.v1.OrderService/Get=1/1h/identity").await;
    let get = async |user: u128| {
        let token = token_of(user, &[]);
        let get = format!("GET /v1/orders/7\nauthorization: Bearer {token}");
        gateway.ask(&get).await
    };
    assert_eq!(get(1).await.status, 200);
    let refused = get(1).await;
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (429, "RATE_LIMITED")
    );
    assert_eq!(get(2).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_says_nothing_has_no_body() {
    let gateway = fronting().await;
    let answer = gateway.ask("DELETE /v1/orders/7\nte: trailers").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), None);
}

#[tokio::test]
async fn a_body_is_as_large_as_the_method_takes() {
    let gateway = fronting().await;
    let of = |length: usize| {
        format!(
            "{{\"id\":\"{}\"}}",
            "x".repeat(length - r#"{"id":""}"#.len())
        )
    };
    assert_eq!(create(&gateway, &["*"], &of(100)).await.status, 201);
    let answer = create(&gateway, &["*"], &of(101)).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (413, "BODY_TOO_LARGE")
    );
}

#[tokio::test]
async fn a_method_that_asks_for_no_leniency_has_none() {
    let gateway = fronting().await;
    let token = token(&[]);
    let get = format!("GET /v1/orders/7?nowhere=1\nauthorization: Bearer {token}");
    assert_eq!(gateway.ask(&get).await.status, 400);
}

#[tokio::test]
async fn a_stream_of_events_goes_on_after_the_last_one_that_was_seen() {
    let gateway = fronting().await;
    let events = async |headers: &str| {
        let request =
            format!("GET /v1/orders:watch?after=1&count=2\naccept: text/event-stream{headers}");
        gateway.ask(&request).await
    };
    let event = |number: u32| format!("id: {number}\ndata: {{\"number\":\"{number}\"}}\n\n");
    let end = "event: end\ndata: {}\n\n";
    let first = events("").await;
    assert_eq!(first.body, format!("{}{}{end}", event(2), event(3)));
    let again = events("\nlast-event-id: 3").await;
    assert_eq!(again.body, format!("{}{}{end}", event(4), event(5)));
    let from_the_start = events("\nlast-event-id: 0").await;
    assert!(from_the_start.body.starts_with(&event(1)));
    for id in ["x", "-1", "\u{fc}"] {
        let answer = events(&format!("\nlast-event-id: {id}")).await;
        assert_eq!(answer.status, 400, "{id}");
        assert!(answer.body.contains("Last-Event-ID"), "{}", answer.body);
    }
    // It is a matter of events alone.
    let array = gateway
        .ask("GET /v1/orders:watch?count=1\nlast-event-id: 7")
        .await;
    assert_eq!(array.body, r#"[{"number":"1"}]"#);
}

#[tokio::test]
async fn the_document_says_it_all() {
    let gateway = fronting().await;
    let document: Value =
        serde_json::from_str(&gateway.ask("GET /api/openapi.json").await.body).unwrap();
    let create = &document["paths"]["/v1/orders"]["post"];
    let scopes = json!([{"bearerAuth": ["orders.write", "orders.read"]}]);
    assert_eq!(create["security"], scopes);
    assert!(create["responses"]["201"]["headers"]["Location"].is_object());
    let request = create["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let request = request.unwrap().rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][request];
    assert_eq!(schema.get("additionalProperties"), None, "{schema}");
    let watch = &document["paths"]["/v1/orders:watch"]["get"];
    assert!(
        watch["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|parameter| parameter["name"] == "Last-Event-ID"),
        "{watch}"
    );
}

#[tokio::test]
async fn whoever_may_not_call_is_told_so_before_the_body_is_read() {
    let gateway = fronting().await;
    let head = "POST /v1/orders\ncontent-type: application/json\ncontent-length: 50";
    // A client that sends nothing of it.
    for (token, status) in [
        (String::new(), 401),
        ("\nauthorization: Bearer forged".to_owned(), 401),
        (format!("\nauthorization: Bearer {}", token(&[])), 403),
    ] {
        let answer = gateway.ask(&format!("{head}{token}")).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let answer = gateway
        .ask(&format!("{head}\nauthorization: Bearer forged"))
        .await;
    let challenge = Some("Bearer error=\"invalid_token\"");
    assert_eq!(answer.header("www-authenticate"), challenge);
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_unless_its_body_has_not_come() {
    use tokio::io::AsyncReadExt as _;
    let gateway = fronting().await;
    let head = "POST /v1/orders\ncontent-type: application/json\ncontent-length: 50";
    let body = "{".repeat(50);
    let next = "GET /livez HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    let mut stream = gateway.send(head, &format!("\r\n{body}{next}")).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
    assert!(text.contains("HTTP/1.1 200 "), "{text}");
    for expecting in ["", "\nexpect: 100-continue"] {
        let mut stream = gateway.send(&format!("{head}{expecting}"), "\r\n").await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
        assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
    }
}
