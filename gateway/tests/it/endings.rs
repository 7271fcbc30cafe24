//! How calls end whose server is slow, silent, broken or in trouble, and those that nobody waits for.

use std::time::Duration;

use bytes::Bytes;
use chassis::contract::Access;
use gateway::contracts::Bus;
use gateway::{Edge, limits::setting};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::Value;
use test_contract::feed::GetRequest;
use test_contract::feed::feed_service_client::FeedServiceClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tonic::Code;

use crate::harness::TestGateway;
use crate::upstreams::{accepted, read};

pub(crate) const GET: &str = "GET /v1/feeds/a/posts/3";
pub(crate) const WATCH: &str = "GET /v1/feeds/a:watch\naccept: text/event-stream";

/// A gateway in front of a server that has its calls answered by whoever takes them.
pub(crate) async fn fronting(
    limits: &str,
) -> (TestGateway, mpsc::UnboundedReceiver<SendResponse<Bytes>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (calls, taken) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut connection = accepted(&listener).await;
        while let Some(Ok((_, respond))) = connection.accept().await {
            if calls.send(respond).is_err() {
                break;
            }
        }
    });
    let contracts = read(&server, Access::Public, Bus::Absent);
    let contracts = contracts.with_rate_limits(setting::read(limits).unwrap());
    let gateway = TestGateway::with(contracts.unwrap(), Edge::default(), None).await;
    (gateway, taken)
}

/// In front of a server that answers every call in the same way.
pub(crate) async fn scripted(limits: &str, script: fn(SendResponse<Bytes>)) -> TestGateway {
    let (gateway, mut calls) = fronting(limits).await;
    tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            script(call);
        }
    });
    gateway
}

pub(crate) fn headers<const N: usize>(pairs: [(&'static str, &'static str); N]) -> HeaderMap {
    let pairs = pairs.map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    pairs.into_iter().collect()
}

pub(crate) fn head<const N: usize>(pairs: [(&'static str, &'static str); N]) -> Response<()> {
    let mut head = Response::new(());
    *head.headers_mut() = headers(pairs);
    head
}

#[tokio::test]
async fn a_server_that_has_only_begun_to_answer_is_waited_for_until_the_deadline() {
    let (gateway, mut calls) = fronting("").await;
    let (begin, begun) = oneshot::channel();
    let held = tokio::spawn(async move {
        let mut call = calls.recv().await.unwrap();
        let head = head([("content-type", "application/grpc")]);
        let mut body = call.send_response(head, false).unwrap();
        begin.send(()).unwrap();
        std::future::poll_fn(|context| body.poll_reset(context)).await
    });
    let asking = gateway.ask(GET);
    let waiting = async {
        begun.await.unwrap();
        // More than the method has.
        pass(Duration::from_secs(6)).await;
    };
    let (answer, ()) = tokio::join!(asking, waiting);
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (504, "DEADLINE_EXCEEDED")
    );
    // And the server hears that nobody waits.
    assert_eq!(held.await.unwrap().unwrap(), h2::Reason::CANCEL);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled() {
    let (gateway, mut calls) = fronting("").await;
    let client = gateway.send(GET, "\r\n").await;
    let mut call = calls.recv().await.unwrap();
    drop(client);
    let reset = std::future::poll_fn(|context| call.poll_reset(context)).await;
    assert_eq!(reset.unwrap(), h2::Reason::CANCEL);
}

#[tokio::test]
async fn an_error_keeps_what_came_before_and_with_it() {
    let gateway = scripted("feed.v1.FeedService/Get=9/1h/address", |mut call| {
        let begun = head([("content-type", "application/grpc"), ("tag", "first")]);
        let mut body = call.send_response(begun, false).unwrap();
        // A detail of a type that nobody here knows: acme.v1.Odd, 0x01.
        let last = headers([
            ("grpc-status", "5"),
            ("grpc-message", "no%20such%20post"),
            (
                "grpc-status-details-bin",
                "CAUSDG5vIHN1Y2ggcG9zdBokCh90eXBlLmdvb2dsZWFwaXMuY29tL2FjbWUudjEuT2RkEgEB",
            ),
            ("tag", "second"),
        ]);
        body.send_trailers(last).unwrap();
    })
    .await;
    let answer = gateway.ask(GET).await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (404, "NOT_FOUND")
    );
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(error["message"], "no such post");
    let details = error["details"].as_array().unwrap();
    assert_eq!(details.len(), 2, "{error}");
    let odd = &details[1];
    assert_eq!(odd["@type"], "type.googleapis.com/acme.v1.Odd");
    assert!(answer.all("grpc-metadata-tag").eq(["first", "second"]));
    assert_eq!(answer.header("ratelimit-remaining"), Some("8"));
}

#[tokio::test]
async fn details_that_cannot_be_read_are_left_out() {
    let in_the_head: fn(SendResponse<Bytes>) = |mut call| {
        let failed = head([
            ("content-type", "application/grpc"),
            ("grpc-status", "5"),
            ("grpc-status-details-bin", "!"),
        ]);
        call.send_response(failed, true).unwrap();
    };
    let in_the_trailers: fn(SendResponse<Bytes>) = |mut call| {
        let begun = head([("content-type", "application/grpc")]);
        let mut body = call.send_response(begun, false).unwrap();
        let last = headers([("grpc-status", "5"), ("grpc-status-details-bin", "!")]);
        body.send_trailers(last).unwrap();
    };
    let before_the_status: fn(SendResponse<Bytes>) = |mut call| {
        let begun = head([
            ("content-type", "application/grpc"),
            ("grpc-status-details-bin", "!"),
        ]);
        let mut body = call.send_response(begun, false).unwrap();
        body.send_trailers(headers([("grpc-status", "5")])).unwrap();
    };
    for script in [in_the_head, in_the_trailers, before_the_status] {
        let gateway = scripted("", script).await;
        for request in [GET, WATCH] {
            let answer = gateway.ask(request).await;
            assert_eq!(
                (answer.status, answer.reason().as_str()),
                (404, "NOT_FOUND"),
                "{request}"
            );
        }
        let url = format!("http://{}", gateway.address);
        let mut client = FeedServiceClient::connect(url).await.unwrap();
        let status = client.get(GetRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
}

/// Lets time pass while nothing else does.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_silent_stream_of_events_begins_and_says_that_it_is_there() {
    let (gateway, mut calls) = fronting("").await;
    let mut stream = gateway.send(WATCH, "\r\n").await;
    // It has the call, and does not even begin to answer.
    let call = calls.recv().await.unwrap();
    pass(Duration::from_secs(15)).await;
    let mut text = String::new();
    let mut until = async |end: &str| {
        let mut bytes = [0; 1024];
        while !text.ends_with(end) {
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "{text}");
            text += std::str::from_utf8(&bytes[..count]).unwrap();
        }
        std::mem::take(&mut text)
    };
    let begun = until("\r\n\r\n").await;
    assert!(begun.starts_with("HTTP/1.1 200 OK\r\n"), "{begun}");
    assert!(
        begun.contains("content-type: text/event-stream\r\n"),
        "{begun}"
    );
    for _ in 0..2 {
        pass(Duration::from_secs(15)).await;
        assert_eq!(until("\n\n\r\n").await, "3\r\n:\n\n\r\n");
    }
    drop(call);
}

/// An HTTP/2 answer: its head and its body.
async fn over_http2(
    gateway: &TestGateway,
    method: &str,
    target: &str,
) -> (http::response::Parts, Vec<u8>) {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://gateway{target}"));
    let mut ready = client.ready().await.unwrap();
    let (response, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    connection.abort();
    (head, bytes)
}

#[tokio::test]
async fn head_is_get_without_the_body_over_both_versions() {
    let gateway = scripted("", |mut call| {
        let begun = head([("content-type", "application/grpc")]);
        let mut body = call.send_response(begun, false).unwrap();
        body.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
        body.send_trailers(headers([("grpc-status", "0"), ("sum", "7")]))
            .unwrap();
    })
    .await;
    for target in ["/v1/feeds/a/posts/3", "/nowhere", "/v1/feeds/a:watch"] {
        let (got, body) = over_http2(&gateway, "GET", target).await;
        let (told, nothing) = over_http2(&gateway, "HEAD", target).await;
        assert!(!body.is_empty() && nothing.is_empty(), "{target}");
        assert_eq!(told.status, got.status);
        let length = |head: &http::response::Parts| head.headers.get("content-length").cloned();
        assert_eq!(length(&told), length(&got), "{target}");
        let old = gateway.ask(&format!("HEAD {target}\nte: trailers")).await;
        assert_eq!((old.status, old.body.as_str()), (got.status.as_u16(), ""));
        assert_eq!(old.header("trailer"), None);
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let gateway = TestGateway::start(&[]).await;
    let post = "POST /api/v1/auth/login\ncontent-length: 100\nexpect: 100-continue";
    let mut stream = gateway.send(post, "\r\n").await;
    let mut bytes = [0; 1024];
    // It is asked for.
    let count = stream.read(&mut bytes).await.unwrap();
    assert!(bytes[..count].starts_with(b"HTTP/1.1 100"));
    stream.write_all(b"{\"email\":").await.unwrap();
    pass(Duration::from_secs(31)).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let answer = crate::harness::Answer::parse(&text);
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (408, "BODY_INCOMPLETE")
    );
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for_for_ever() {
    let gateway = TestGateway::start(&[]).await;
    let mut stream = gateway.send("GET /livez", "\r\n").await;
    let mut bytes = [0; 1024];
    // It has begun to wait for the next head when it has answered.
    let mut answered = String::new();
    while !answered.ends_with('}') && !answered.ends_with("ok") {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "{answered}");
        answered += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nx-a: ")
        .await
        .unwrap();
    pass(Duration::from_secs(76)).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}
