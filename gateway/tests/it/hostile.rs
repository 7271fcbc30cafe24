//! Clients that mean harm, or are broken: each is told so or let go, and others are served meanwhile.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::figures::{Figures, count, resident_kib, soaking};
use crate::harness::{Answer, TestGateway};

/// How long anything may take that is not itself a matter of time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status of the answer to these bytes, and whether the connection is closed after it.
async fn status_of(gateway: &TestGateway, bytes: &[u8]) -> (u16, bool) {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    // The gateway may have answered and closed before it has all of it.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let closed = timeout(Duration::from_secs(2), stream.read_to_end(&mut text)).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    let closed = closed.is_ok();
    if text.is_empty() {
        return (0, closed);
    }
    assert_eq!(
        text.matches("HTTP/1.1 ").count(),
        1,
        "more than one answer: {text}"
    );
    (Answer::parse(&text).status, closed)
}

/// Others are served.
async fn is_served(gateway: &TestGateway) {
    let answer = timeout(PATIENCE, gateway.ask("GET /livez")).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn smuggling_shapes_are_refused_and_what_follows_is_never_a_request_of_its_own() {
    let gateway = TestGateway::start(&[]).await;
    let inner = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("0\r\n\r\n{inner}");
    let length = chunked.len();
    for (name, request) in [
        (
            "a length and chunks (RFC 9112, 6.3)",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
        (
            "chunks and a length",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n{chunked}"
            ),
        ),
        (
            "two lengths",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: {length}\r\n\r\n{chunked}"
            ),
        ),
        (
            "a coding that is not chunked",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n{chunked}"
            ),
        ),
        (
            "chunked not last",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n{chunked}"
            ),
        ),
        (
            "a space before the colon (RFC 9112, 5.1)",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length : {length}\r\n\r\n{chunked}"
            ),
        ),
        (
            "a folded line (RFC 9112, 5.2)",
            format!(
                "GET /livez HTTP/1.1\r\nhost: x\r\nx-a: b\r\n content-length: {length}\r\n\r\n{chunked}"
            ),
        ),
        (
            "a length with a sign",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: +{length}\r\n\r\n{chunked}"
            ),
        ),
        (
            "a bare line feed in a value",
            format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-a: b\rcontent-length: 5\r\n\r\n{inner}"),
        ),
        (
            "chunks in HTTP/1.0",
            format!(
                "POST /api/v1/auth/login HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
        (
            "two hosts (RFC 9112, 3.2)",
            "GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_owned(),
        ),
        (
            "no host (RFC 9112, 3.2)",
            "GET /livez HTTP/1.1\r\nx-a: b\r\n\r\n".to_owned(),
        ),
    ] {
        let (status, closed) = status_of(&gateway, request.as_bytes()).await;
        assert_eq!((status, closed), (400, true), "{name}");
    }
    is_served(&gateway).await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let gateway = TestGateway::start(&[]).await;
    let large = format!(
        "GET /livez HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "a".repeat(40 * 1024)
    );
    assert_eq!(status_of(&gateway, large.as_bytes()).await, (431, true));
    let many: String = (0..200)
        .map(|number| format!("x-{number}: a\r\n"))
        .collect();
    let many = format!("GET /livez HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(status_of(&gateway, many.as_bytes()).await, (431, true));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(40 * 1024));
    let (status, closed) = status_of(&gateway, long.as_bytes()).await;
    assert!(matches!(status, 414 | 431) && closed, "{status}");
    is_served(&gateway).await;
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_others() {
    let gateway = TestGateway::start(&[]).await;
    let mut slow = Vec::new();
    for _ in 0..count(200, 2000) {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream
            .write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\nx-a: ")
            .await
            .unwrap();
        slow.push(stream);
    }
    for _ in 0..3 {
        for stream in &mut slow {
            stream.write_all(b"a").await.unwrap();
        }
        is_served(&gateway).await;
    }
}

#[tokio::test]
async fn a_client_that_has_said_all_may_close_its_half() {
    let gateway = TestGateway::start(&[]).await;
    let mut stream = gateway
        .send("GET /livez", "connection: close\r\n\r\n")
        .await;
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(Answer::parse(&text).status, 200);
}

#[tokio::test]
async fn idle_connections_cost_little_memory() {
    let gateway = TestGateway::start(&[]).await;
    is_served(&gateway).await;
    let connections = count(200, 5000);
    let before = resident_kib();
    let mut idle = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        // One request each, so that all of a connection is there.
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 1024];
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        idle.push(stream);
    }
    let each = (resident_kib().saturating_sub(before)) / connections;
    let mut figures = Figures::new("idle connections");
    figures.add("connections", connections);
    // The client's half is in this process too.
    figures.add("KiB each, both halves", each);
    figures.add("MiB for 100,000", each * 100_000 / 1024);
    figures.publish();
    // Other tests of a short run are in this process too.
    if soaking() {
        assert!(each < 64, "{each} KiB a connection");
    }
    is_served(&gateway).await;
}

/// An HTTP/2 client, and what drives it.
async fn http2(
    gateway: &TestGateway,
) -> (
    h2::client::SendRequest<Bytes>,
    tokio::task::JoinHandle<Result<(), h2::Error>>,
) {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (client, connection) = h2::client::Builder::new()
        .initial_max_send_streams(10_000)
        .max_concurrent_reset_streams(100_000)
        .handshake(stream)
        .await
        .unwrap();
    (client, tokio::spawn(connection))
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://gateway{path}"))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn a_flood_of_streams_that_are_reset_ends_its_connection_alone() {
    let gateway = TestGateway::start(&[]).await;
    let before = resident_kib();
    let (client, connection) = http2(&gateway).await;
    let mut sent = 0;
    // CVE-2023-44487.
    while sent < count(5_000, 200_000) {
        let Ok(mut ready) = client.clone().ready().await else {
            break;
        };
        let Ok((response, mut stream)) = ready.send_request(get("/readyz"), true) else {
            break;
        };
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        sent += 1;
        if sent % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    drop(client);
    let ended = timeout(PATIENCE, connection)
        .await
        .expect("the connection goes on")
        .unwrap();
    let mut figures = Figures::new("rapid reset");
    figures.add("streams", sent);
    let grown = resident_kib().saturating_sub(before);
    figures.add("KiB more", grown);
    figures.publish();
    let error = ended.expect_err("so many resets are let pass");
    assert_eq!(
        error.reason(),
        Some(h2::Reason::ENHANCE_YOUR_CALM),
        "{error}"
    );
    if soaking() {
        assert!(grown < 64 * 1024, "{grown} KiB");
    }
    is_served(&gateway).await;
}

#[tokio::test]
async fn a_list_of_headers_that_is_too_large_is_refused_over_http2() {
    let gateway = TestGateway::start(&[]).await;
    let (client, _connection) = http2(&gateway).await;
    let mut request = get("/livez");
    for number in 0..40 {
        let name: http::HeaderName = format!("x-{number}").parse().unwrap();
        request
            .headers_mut()
            .insert(name, "a".repeat(1024).parse().unwrap());
    }
    let mut ready = client.ready().await.unwrap();
    let (response, _) = ready.send_request(request, true).unwrap();
    let refused = timeout(PATIENCE, response).await.unwrap();
    assert!(
        refused
            .as_ref()
            .map_or(true, |response| response.status() == 431),
        "{refused:?}"
    );
    is_served(&gateway).await;
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_connection() {
    let gateway = TestGateway::start(&[]).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // Headers without an end, and then more of them for ever: CVE-2024-27316.
    let mut continuations = vec![0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
    for _ in 0..count(2_000, 20_000) {
        let mut frame = vec![0, 0x40, 0, 9, 0, 0, 0, 0, 1];
        frame.extend([0; 0x4000]);
        continuations.extend(frame);
    }
    for (name, frames) in [
        // A length of 1 MiB, where 16 KiB were agreed on.
        ("too large", vec![0x10, 0, 0, 0, 0, 0, 0, 0, 1]),
        (
            "data on a stream that is not open",
            vec![0, 0, 1, 0, 0, 0, 0, 0, 5, 0],
        ),
        (
            "a window update of nothing",
            vec![0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "settings of a wrong size",
            vec![0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3],
        ),
        ("headers without an end", continuations),
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let bytes = [&preface[..], &settings, &frames].concat();
        // The gateway may have closed before it has all of it.
        let _ = stream.write_all(&bytes).await;
        let mut told = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut told)).await;
        assert!(ended.is_ok(), "{name}: the connection goes on");
    }
    is_served(&gateway).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come() {
    let gateway = TestGateway::start(&[]).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let announced = format!("{head}content-length: 100000000\r\n\r\n");
    assert_eq!(status_of(&gateway, announced.as_bytes()).await, (413, true));
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    let endless = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(20)
    );
    assert_eq!(status_of(&gateway, endless.as_bytes()).await, (413, true));
    is_served(&gateway).await;
}

#[tokio::test]
async fn bodies_that_do_not_end_are_kept_up_to_a_share_of_the_memory() {
    let gateway = TestGateway::start(&[]).await;
    let before = resident_kib();
    let size = 1024 * 1024;
    let head =
        format!("POST /api/v1/auth/login\ncontent-type: application/json\ncontent-length: {size}");
    let most = vec![b' '; size - 10];
    let bodies = count(24, 1_000);
    let mut answers = JoinSet::new();
    for _ in 0..bodies {
        let mut stream = gateway.send(&head, "\r\n").await;
        // It may have been refused before all of it was sent.
        let _ = stream.write_all(&most).await;
        answers.spawn(async move {
            let mut told = [0; 12];
            stream.read_exact(&mut told).await.map(|_| told)
        });
    }
    // One client has room for 16 at most; the others hear of it at once.
    let refused = bodies - 16;
    for _ in 0..refused {
        let told = timeout(PATIENCE, answers.join_next()).await.unwrap();
        // Who is still sending may find the connection reset.
        if let Ok(told) = told.unwrap().unwrap() {
            assert_eq!(&told, b"HTTP/1.1 429");
        }
    }
    assert!(
        answers.try_join_next().is_none(),
        "fewer are kept than may be"
    );
    is_served(&gateway).await;
    let mut figures = Figures::new("bodies without an end");
    figures.add("refused", refused);
    let grown = resident_kib().saturating_sub(before);
    figures.add("KiB more", grown);
    figures.publish();
    if soaking() {
        assert!(grown < 128 * 1024, "{grown} KiB");
    }
}
