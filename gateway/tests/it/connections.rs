//! The connection to an upstream: what its server may do with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chassis::contract::Access;
use gateway::contracts::Bus;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use test_contract::Feed;
use test_contract::feed::Post;
use test_contract::feed::feed_service_client::FeedServiceClient;
use test_contract::feed::feed_service_server::FeedServiceServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;

use crate::harness::TestGateway;
use crate::upstreams::{accepted, read};

/// A gateway in front of a server of the feed that is still to be made.
async fn fronting() -> (TestGateway, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let gateway = TestGateway::fronting(read(&server, Access::Public, Bus::Absent)).await;
    (gateway, listener)
}

/// Answers with a post without fields.
fn answer(respond: SendResponse<Bytes>) {
    answer_with(respond, HeaderMap::new());
}

/// Answers with a post without fields, and trailers after it.
fn answer_with(mut respond: SendResponse<Bytes>, mut trailers: HeaderMap) {
    let form = HeaderValue::from_static("application/grpc");
    let head = Response::builder().header("content-type", form);
    let mut body = respond
        .send_response(head.body(()).unwrap(), false)
        .unwrap();
    body.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    body.send_trailers(trailers).unwrap();
}

#[tokio::test]
async fn a_server_that_is_about_to_go_keeps_its_calls_and_gets_no_new_ones() {
    let (gateway, listener) = fronting().await;
    let gateway = Arc::new(gateway);
    let (going, all_went_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (says_so, may_end) = (Arc::clone(&going), Arc::clone(&all_went_on));
    let served = Arc::new(AtomicUsize::new(0));
    let later = Arc::clone(&served);
    tokio::spawn(async move {
        let mut first = accepted(&listener).await;
        let (_, held) = first.accept().await.unwrap().unwrap();
        first.graceful_shutdown();
        says_so.notify_one();
        let mut held = Some(held);
        let on_first = async {
            let mut ended = std::pin::pin!(may_end.notified());
            loop {
                let next = tokio::select! {
                    () = &mut ended, if held.is_some() => {
                        held.take().into_iter().for_each(answer);
                        continue;
                    }
                    next = first.accept() => next,
                };
                // What came before the client knew is answered too.
                let Some(Ok((_, respond))) = next else { break };
                answer(respond);
            }
        };
        let on_second = async {
            let mut second = accepted(&listener).await;
            while let Some(Ok((_, respond))) = second.accept().await {
                later.fetch_add(1, Ordering::Relaxed);
                answer(respond);
            }
        };
        tokio::join!(on_first, on_second);
    });
    let asked = Arc::clone(&gateway);
    let held = tokio::spawn(async move { asked.ask("GET /v1/feeds/a/posts/1").await.status });
    going.notified().await;
    while served.load(Ordering::Relaxed) == 0 {
        assert_eq!(gateway.ask("GET /v1/feeds/a/posts/2").await.status, 200);
    }
    assert!(!held.is_finished());
    all_went_on.notify_one();
    assert_eq!(held.await.unwrap(), 200);
}

#[tokio::test]
async fn calls_beyond_those_that_a_server_takes_at_once_wait() {
    let (gateway, listener) = fronting().await;
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(1)
        .add_service(FeedServiceServer::new(Feed::default()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let gateway = Arc::new(gateway);
    let mut asked = JoinSet::new();
    for number in 1..=50 {
        let gateway = Arc::clone(&gateway);
        asked.spawn(async move {
            let request = format!("GET /v1/feeds/a/posts/{number}");
            gateway.ask(&request).await.status
        });
    }
    assert!(asked.join_all().await.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn a_stream_of_requests_that_is_larger_than_any_window_arrives_whole() {
    let (gateway, listener) = fronting().await;
    crate::upstreams::serve(listener);
    let mut client = FeedServiceClient::connect(format!("http://{}", gateway.address))
        .await
        .unwrap();
    let post = Post {
        feed: "f".repeat(100_000),
        number: 1,
    };
    let posts = vec![post; 100];
    let taken = client.upload(tokio_stream::iter(posts)).await.unwrap();
    assert_eq!(taken.into_inner().count, 100);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_unavailable() {
    let (gateway, listener) = fronting().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let refused = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refused).await.unwrap();
        }
    });
    let answer = gateway.ask("GET /v1/feeds/a/posts/1").await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "UNAVAILABLE")
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let (gateway, listener) = fronting().await;
    tokio::spawn(async move {
        let mut connection = accepted(&listener).await;
        let mut reasons = [h2::Reason::INTERNAL_ERROR, h2::Reason::REFUSED_STREAM].into_iter();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let Some(reason) = reasons.next() else {
                answer(respond);
                continue;
            };
            let head = Response::builder().header("content-type", "application/grpc");
            let mut body = respond
                .send_response(head.body(()).unwrap(), false)
                .unwrap();
            body.send_data(Bytes::from_static(&[0; 3]), false).unwrap();
            body.send_reset(reason);
        }
    });
    for status in [500, 503, 200] {
        assert_eq!(gateway.ask("GET /v1/feeds/a/posts/1").await.status, status);
    }
}

/// A gateway in front of a server that says the sum after its message.
async fn summed() -> TestGateway {
    let (gateway, listener) = fronting().await;
    tokio::spawn(async move {
        let mut connection = accepted(&listener).await;
        while let Some(Ok((_, respond))) = connection.accept().await {
            let mut trailers = HeaderMap::new();
            trailers.insert("sum", HeaderValue::from_static("7"));
            answer_with(respond, trailers);
        }
    });
    gateway
}

#[tokio::test]
async fn what_a_server_says_after_its_message_is_trailers_for_those_who_take_them() {
    let gateway = summed().await;
    let text = async |target: &str, te: &str| {
        let request = format!("GET {target}\n{te}");
        let end = "connection: close\r\n\r\n";
        let mut stream = gateway.send(&request, end).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let one = "/v1/feeds/a/posts/3";
    let answer = text(one, "te: trailers").await;
    assert!(answer.contains("trailer: grpc-trailer-sum\r\n"), "{answer}");
    assert!(
        answer.ends_with("\r\n0\r\ngrpc-trailer-sum: 7\r\n\r\n"),
        "{answer}"
    );
    let answer = text(one, "x: y").await;
    assert!(!answer.contains("grpc-trailer-sum"), "{answer}");
    assert!(answer.contains("content-length: "), "{answer}");
    // The names of a stream's trailers are not known when its head leaves.
    let answer = text("/v1/feeds/a:watch", "te: trailers").await;
    assert!(!answer.contains("grpc-trailer-sum"), "{answer}");
}

#[tokio::test]
async fn over_http2_streams_have_trailers_too() {
    let gateway = summed().await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for target in ["/v1/feeds/a/posts/3", "/v1/feeds/a:watch"] {
        for (header, sum) in [("te", Some("7")), ("accept-language", None)] {
            let request = http::Request::get(format!("http://gateway{target}"));
            let request = request.header(header, "trailers");
            let mut ready = client.clone().ready().await.unwrap();
            let (response, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
            let mut body = response.await.unwrap().into_body();
            while let Some(piece) = body.data().await {
                let length = piece.unwrap().len();
                body.flow_control().release_capacity(length).unwrap();
            }
            let trailers = body.trailers().await.unwrap();
            let told = trailers
                .as_ref()
                .and_then(|trailers| trailers.get("grpc-trailer-sum"));
            assert_eq!(
                told.map(|told| told.to_str().unwrap()),
                sum,
                "{target} {header}"
            );
        }
    }
}
