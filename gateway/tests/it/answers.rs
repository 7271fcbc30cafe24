//! What upstreams answer that is not as it should be, and answers that nobody takes.

use bytes::Bytes;
use test_contract::feed::GetRequest;
use test_contract::feed::feed_service_client::FeedServiceClient;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::endings::{GET, WATCH, fronting, head, headers, scripted};

/// What a proxy before the service says of itself.
#[tokio::test]
async fn an_answer_that_is_not_grpc_has_the_status_of_what_it_is() {
    for (http, status, reason) in [
        (400, 500, "INTERNAL"),
        (401, 401, "UNAUTHENTICATED"),
        (403, 403, "PERMISSION_DENIED"),
        (404, 501, "UNIMPLEMENTED"),
        (429, 429, "RESOURCE_EXHAUSTED"),
        (502, 503, "UNAVAILABLE"),
        (503, 503, "UNAVAILABLE"),
        (504, 503, "UNAVAILABLE"),
        (200, 500, "UNKNOWN"),
        (302, 500, "UNKNOWN"),
        (500, 500, "UNKNOWN"),
    ] {
        let (gateway, mut calls) = fronting("").await;
        tokio::spawn(async move {
            while let Some(mut call) = calls.recv().await {
                let mut page = head([("content-type", "text/html"), ("retry-after", "7")]);
                *page.status_mut() = http.try_into().unwrap();
                let mut body = call.send_response(page, false).unwrap();
                body.send_data(Bytes::from_static(b"<html>secret</html>"), true)
                    .unwrap();
            }
        });
        for request in [GET, WATCH] {
            let answer = gateway.ask(request).await;
            let told = (answer.status, answer.reason());
            assert_eq!(told, (status, reason.to_owned()), "{http}");
            assert!(!answer.body.contains("secret"), "{}", answer.body);
            let after = [429, 503].contains(&status).then_some("7");
            assert_eq!(answer.header("retry-after"), after, "{http}");
        }
        let url = format!("http://{}", gateway.address);
        let mut client = FeedServiceClient::connect(url).await.unwrap();
        let status = client.get(GetRequest::default()).await.unwrap_err();
        let name = format!("{:?}", status.code()).to_uppercase();
        assert_eq!(name, reason.replace('_', ""), "{http}");
    }
}

#[tokio::test]
async fn what_pages_may_do_is_not_for_a_service_to_say() {
    let gateway = scripted("", |mut call| {
        let begun = head([
            ("content-type", "application/grpc"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "a=b"),
            ("cache-control", "public"),
            ("tag", "kept"),
        ]);
        let mut body = call.send_response(begun, false).unwrap();
        body.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
        body.send_trailers(headers([("grpc-status", "0")])).unwrap();
    })
    .await;
    let call = "POST /feed.v1.FeedService/Get\ncontent-type: application/grpc-web+proto\n\
                content-length: 5\nconnection: close";
    let mut stream = gateway.send(call, "\r\n\0\0\0\0\0").await;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert!(text.contains("\r\ntag: kept\r\n"), "{text}");
    for taken in ["access-control", "set-cookie", "cache-control"] {
        assert!(!text.contains(taken), "{text}");
    }
}

/// Sends messages for as long as they are taken, and says when so many bytes were.
async fn pour(mut body: h2::SendStream<Bytes>, bytes: usize, taken: mpsc::UnboundedSender<()>) {
    let name = vec![b'a'; 16_000];
    let mut message = Vec::new();
    prost::encoding::bytes::encode(1, &name, &mut message);
    let message = chassis::frame::framed(&message);
    let mut sent = 0;
    loop {
        let mut left = message.clone();
        while !left.is_empty() {
            body.reserve_capacity(left.len());
            match std::future::poll_fn(|context| body.poll_capacity(context)).await {
                Some(Ok(room)) => {
                    let part = left.split_to(room.min(left.len()));
                    sent += part.len();
                    body.send_data(part, false).unwrap();
                }
                _ => return,
            }
        }
        if sent >= bytes {
            // Only the first time does anybody wait for it.
            let _ = taken.send(());
        }
    }
}

#[tokio::test]
async fn clients_that_take_nothing_of_their_streams_hold_up_nobody() {
    const READERS: usize = 80;
    let (gateway, mut calls) = fronting("").await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let (client, connection) = builder
        .initial_window_size(0)
        .handshake::<_, Bytes>(stream)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut readers = Vec::new();
    let (told, mut taken) = mpsc::unbounded_channel();
    for _ in 0..READERS {
        let request = http::Request::get("http://gateway/v1/feeds/a:watch")
            .header("accept", "application/x-ndjson")
            .body(())
            .unwrap();
        let mut ready = client.clone().ready().await.unwrap();
        readers.push(ready.send_request(request, true).unwrap());
        let mut call = calls.recv().await.unwrap();
        let begun = head([("content-type", "application/grpc")]);
        let body = call.send_response(begun, false).unwrap();
        // Together more than the 4 MiB that a connection is given elsewhere.
        tokio::spawn(pour(body, 60 * 1024, told.clone()));
        taken.recv().await.unwrap();
    }
    tokio::spawn(async move {
        let mut call = calls.recv().await.unwrap();
        let begun = head([("content-type", "application/grpc")]);
        let mut body = call.send_response(begun, false).unwrap();
        body.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
        body.send_trailers(headers([("grpc-status", "0")])).unwrap();
    });
    assert_eq!(gateway.ask(GET).await.status, 200);
    connection.abort();
}
