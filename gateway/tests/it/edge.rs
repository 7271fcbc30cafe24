//! What the gateway answers by itself.

use gateway::{Contracts, Edge};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::harness::{Answer, TestGateway};

const ORIGIN: &str = "http://shop.example";

#[tokio::test]
async fn options_says_what_a_path_takes() {
    let gateway = TestGateway::start(&[ORIGIN]).await;
    // With an origin alone it is no preflight.
    for request in [
        "OPTIONS /api/v1/auth/login",
        "OPTIONS /api/v1/auth/login\norigin: http://shop.example",
    ] {
        let answer = gateway.ask(request).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert!(answer.header("allow").unwrap().contains("POST"));
    }
    let answer = gateway.ask("OPTIONS /health").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("allow").unwrap().contains("GET"));
    let answer = gateway.ask("OPTIONS /nowhere").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "ROUTE_NOT_FOUND")
    );
}

#[tokio::test]
async fn browsers_of_the_origins_that_are_set_may_call() {
    let gateway = TestGateway::start(&[ORIGIN]).await;
    let preflight = "OPTIONS /api/v1/auth/login\norigin: http://shop.example\n\
                     access-control-request-method: POST";
    let call = "GET /health\norigin: http://shop.example";
    for request in [preflight, call] {
        let answer = gateway.ask(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(answer.header("vary").unwrap().contains("origin"));
    }
    let answer = gateway.ask(call).await;
    assert_eq!(answer.header("access-control-expose-headers"), Some("*"));
    let answer = gateway.ask(preflight).await;
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("traceparent"), "{allowed}");
    let stranger = gateway
        .ask("GET /health\norigin: http://other.example")
        .await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    let plain = gateway.ask("GET /health").await;
    assert_eq!(plain.header("vary"), Some("origin"));
    assert_eq!(plain.header("access-control-expose-headers"), None);
}

#[tokio::test]
async fn without_origins_nothing_is_said_of_them() {
    let gateway = TestGateway::start(&[]).await;
    for request in ["GET /health", "GET /health\norigin: http://shop.example"] {
        let answer = gateway.ask(request).await;
        assert_eq!(answer.status, 200);
        for header in [
            "vary",
            "access-control-expose-headers",
            "access-control-allow-origin",
        ] {
            assert_eq!(answer.header(header), None);
        }
    }
}

#[tokio::test]
async fn a_page_refuses_in_the_one_shape() {
    let gateway = TestGateway::start(&[]).await;
    for request in ["POST /health", "DELETE /api/docs/", "POST /dev/page/1"] {
        let answer = gateway.ask(request).await;
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (405, "METHOD_NOT_ALLOWED")
        );
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{request}");
        assert!(answer.body.contains("this path takes GET, HEAD"));
    }
    for request in ["GET /api/docs/%ff", "GET /dev/page/%ff"] {
        let answer = gateway.ask(request).await;
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (400, "INVALID_REQUEST")
        );
    }
    let answer = gateway.ask("GET /api/docs/nothing.js").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "ROUTE_NOT_FOUND")
    );
}

#[tokio::test]
async fn grpc_that_cannot_be_is_told_why() {
    let gateway = TestGateway::start(&[]).await;
    let path = "/auth.v1.AuthService/Login\ncontent-length: 0\ncontent-type: application/grpc";
    let cases = [
        ("POST", "", 400, "INVALID_REQUEST"),
        ("GET", "-web", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "-web+json", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "-web-text+json", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ];
    for (method, form, status, reason) in cases {
        let answer = gateway.ask(&format!("{method} {path}{form}")).await;
        assert_eq!((answer.status, answer.reason().as_str()), (status, reason));
        let allow = (status == 405).then_some("POST");
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn a_body_that_is_encoded_is_not_read() {
    let gateway = TestGateway::start(&[]).await;
    let request = |encoding: &str| {
        format!(
            "POST /api/v1/auth/login\ncontent-length: 0\ncontent-type: application/json\n\
             content-encoding: {encoding}"
        )
    };
    for encoding in ["gzip", "br", "identity, gzip"] {
        let answer = gateway.ask(&request(encoding)).await;
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (415, "UNSUPPORTED_MEDIA_TYPE")
        );
        assert!(answer.body.contains("uncompressed"));
    }
    let answer = gateway.ask(&request("Identity")).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (400, "INVALID_REQUEST")
    );
}

#[tokio::test]
async fn the_keys_that_verify_tokens_are_for_everybody() {
    let gateway = TestGateway::start(&[]).await;
    let answer = gateway.ask("GET /.well-known/paseto-keys").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let key = &page["keys"][0];
    assert!(
        key["kid"].as_str().unwrap().starts_with("k4.pid."),
        "{page}"
    );
    let verifier = token::AccessVerifier::from_paserk(key["key"].as_str().unwrap()).unwrap();
    assert_eq!(verifier.public_keys()[0].0, key["kid"].as_str().unwrap());
}

#[tokio::test]
async fn browsers_are_told_to_make_nothing_else_of_an_answer() {
    let gateway = TestGateway::start(&[]).await;
    for request in [
        "GET /livez",
        "GET /nowhere",
        "GET /api/v1/auth/profile",
        "GET /api/docs/",
        "GET /api/openapi.json",
    ] {
        let answer = gateway.ask(request).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{request}");
        }
    }
}

/// The head of the answer to a call over HTTP/2, or to one of gRPC-Web.
async fn called(gateway: &TestGateway, content_type: &str) -> http::HeaderMap {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post("http://gateway/auth.v1.AuthService/Login");
    let request = request.header("content-type", content_type);
    let mut ready = client.ready().await.unwrap();
    let (response, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
    let (mut head, _) = response.await.unwrap().into_parts();
    head.headers
        .insert("status", head.status.as_str().parse().unwrap());
    head.headers
}

#[tokio::test]
async fn messages_of_grpc_are_protobuf_however_it_is_written() {
    let gateway = TestGateway::start(&[]).await;
    for (form, status) in [
        ("application/grpc", "200"),
        ("application/grpc+proto", "200"),
        ("Application/GRPC", "200"),
        ("application/grpc; charset=utf-8", "200"),
        ("application/grpc+json", "415"),
        ("application/grpcx", "415"),
        ("application/grpc-web", "200"),
        ("application/grpc-web-text;charset=utf-8", "200"),
        ("Application/grpc-web-text", "200"),
        ("application/grpc-web+thrift", "415"),
    ] {
        let head = called(&gateway, form).await;
        assert_eq!(head["status"], status, "{form}");
        // What is read is no message, and that is told in its own protocol.
        let is_grpc = head["content-type"]
            .as_bytes()
            .starts_with(b"application/grpc");
        assert_eq!(is_grpc, status == "200", "{form}");
        let is_text = head["content-type"]
            .as_bytes()
            .starts_with(b"application/grpc-web-text");
        assert_eq!(is_text, form.contains("text"), "{form}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_counts_as_a_call() {
    let contracts = Contracts::compiled().unwrap();
    let limits = gateway::limits::setting::read("auth.v1.AuthService/Login=2/1m/address");
    let contracts = contracts.with_rate_limits(limits.unwrap()).unwrap();
    let gateway = TestGateway::fronting(contracts).await;
    let login = "POST /api/v1/auth/login\ncontent-type: application/json\ncontent-length: 1";
    for (status, remaining) in [(400, "1"), (400, "0"), (429, "0")] {
        let mut stream = gateway.send(login, "connection: close\r\n\r\n{").await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let answer = Answer::parse(&text);
        assert_eq!(answer.status, status, "{text}");
        assert_eq!(
            answer.header("ratelimit-remaining"),
            Some(remaining),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_answer_comes_as_it_is_to_whoever_takes_no_encoding_and_not_even_that() {
    let gateway = TestGateway::start(&[]).await;
    for (path, status) in [
        ("/livez", 200),
        ("/nowhere", 404),
        ("/api/openapi.json", 200),
    ] {
        let answer = gateway
            .ask(&format!("GET {path}\naccept-encoding: *;q=0"))
            .await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (status, None)
        );
    }
}

/// The status of a question for what is served, and none if it is answered.
async fn reflection(edge: Edge) -> Option<String> {
    let gateway = TestGateway::with(Contracts::compiled().unwrap(), edge, None).await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let path = "http://gateway/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let request = http::Request::post(path).header("content-type", "application/grpc");
    let mut ready = client.ready().await.unwrap();
    let (response, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
    let response = response.await.unwrap();
    let status = response.headers().get("grpc-status")?;
    Some(status.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_is_served_is_told_unless_it_is_switched_off() {
    assert_eq!(reflection(Edge::default()).await, None);
    let edge = Edge {
        without_reflection: true,
        ..Edge::default()
    };
    assert_eq!(reflection(edge).await.as_deref(), Some("12"));
}
