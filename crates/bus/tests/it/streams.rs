//! Answers of many messages.

use std::time::Duration;

use test_contract::Echo;
use test_contract::echo::{CountRequest, EchoRequest, WhisperRequest};
use tonic::{Code, Request, Status, Streaming};

use crate::harness::{Bus, within};

fn count(count: u32) -> CountRequest {
    CountRequest {
        count,
        ..CountRequest::default()
    }
}

/// What came before the end, and the end.
async fn numbers(
    mut stream: Streaming<test_contract::echo::CountResponse>,
) -> (Vec<u32>, Result<(), Status>) {
    let mut numbers = Vec::new();
    loop {
        match within(stream.message()).await {
            Ok(Some(answer)) => numbers.push(answer.number),
            Ok(None) => return (numbers, Ok(())),
            Err(status) => return (numbers, Err(status)),
        }
    }
}

pub(crate) async fn a_stream_arrives_whole_and_in_order(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let client = bus.client().await;
    let streams = [1, 63, 64, 65, 500].map(|length| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let stream = client.count(count(length)).await.unwrap().into_inner();
            let (numbers, end) = numbers(stream).await;
            assert_eq!(numbers, (0..length).collect::<Vec<_>>());
            end.unwrap();
        })
    });
    for stream in streams {
        within(stream).await.unwrap();
    }
    bus.finish().await;
}

pub(crate) async fn an_empty_stream_ends_well(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let stream = bus.client().await.count(count(0)).await.unwrap();
    let (numbers, end) = numbers(stream.into_inner()).await;
    assert!(numbers.is_empty());
    end.unwrap();
    bus.finish().await;
}

pub(crate) async fn an_error_in_mid_stream_comes_after_what_came_before(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let request = CountRequest {
        fail_code: Code::ResourceExhausted as u32,
        ..count(3)
    };
    let stream = bus.client().await.count(request).await.unwrap();
    let (numbers, end) = numbers(stream.into_inner()).await;
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(end.unwrap_err().code(), Code::ResourceExhausted);
    bus.finish().await;
}

pub(crate) async fn a_panic_in_mid_stream_is_an_internal_error(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let request = CountRequest {
        panic: true,
        // What is ready at once is sent at once, and lost with the panic, as over HTTP/2.
        delay_ms: 20,
        ..count(3)
    };
    let stream = bus.client().await.count(request).await.unwrap();
    let (numbers, end) = numbers(stream.into_inner()).await;
    // The last may be sent together with the panic.
    assert!(numbers.starts_with(&[0, 1]), "{numbers:?}");
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("after"), "{status:?}");
    bus.finish().await;
}

pub(crate) async fn a_stream_that_fails_at_once_is_a_failed_call(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let mut client = bus.client().await;
    let request = CountRequest {
        fail_code: Code::NotFound as u32,
        ..count(0)
    };
    let status = match client.count(request).await {
        Err(status) => status,
        Ok(stream) => numbers(stream.into_inner()).await.1.unwrap_err(),
    };
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
    bus.finish().await;
}

pub(crate) async fn a_dropped_stream_stops_its_handler(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let request = CountRequest {
        delay_ms: 50,
        ..count(1_000_000)
    };
    let mut stream = bus
        .client()
        .await
        .count(request)
        .await
        .unwrap()
        .into_inner();
    within(stream.message()).await.unwrap();
    assert_eq!(service.ledger.running(), 1);
    drop(stream);
    within(service.ledger.until(|ledger| ledger.running() == 0)).await;
    bus.finish().await;
}

pub(crate) async fn a_caller_that_does_not_read_is_not_sent_more_than_a_window(bus: Bus) {
    const WINDOW: usize = 64;
    bus.serve(&Echo::default()).await;
    let mut client = bus.client().await;
    let stream = client.count(count(300)).await.unwrap().into_inner();
    let request = bus
        .raw(&bus.topic("/echo.v1.EchoService/Count"), 1)
        .await
        .remove(0);
    let (topic, id) = (
        format!("reply.{}", bus.app),
        request.header("kafka_correlationId").unwrap(),
    );
    assert_eq!(bus.replies(&topic, id, WINDOW).await.len(), WINDOW);
    // Whatever was on its way when they were counted comes before the answer to this.
    client.echo(EchoRequest::default()).await.unwrap();
    assert_eq!(bus.replies(&topic, id, WINDOW).await.len(), WINDOW);
    let (numbers, end) = numbers(stream).await;
    assert_eq!(numbers.len(), 300);
    end.unwrap();
    bus.finish().await;
}

pub(crate) async fn a_streamed_secret_is_sealed(bus: Bus) {
    const SECRET: &str = "correct horse battery staple";
    bus.serve(&Echo::default()).await;
    let request = WhisperRequest {
        secret: SECRET.into(),
    };
    let mut stream = bus
        .client()
        .await
        .whispers(request)
        .await
        .unwrap()
        .into_inner();
    for _ in 0..3 {
        assert_eq!(stream.message().await.unwrap().unwrap().secret, SECRET);
    }
    assert!(stream.message().await.unwrap().is_none());
    let topic = bus.topic("/echo.v1.EchoService/Whispers");
    let request = bus.raw(&topic, 1).await.remove(0);
    let id = request.header("kafka_correlationId").unwrap();
    let mut records = bus.replies(&format!("reply.{}", bus.app), id, 4).await;
    records.push(request);
    for record in records {
        let hidden = |bytes: &[u8]| {
            !bytes
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes())
        };
        assert!(hidden(&record.value) && record.headers.iter().all(|(_, value)| hidden(value)));
    }
    bus.finish().await;
}

pub(crate) async fn a_stream_ends_by_its_deadline(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut request = Request::new(CountRequest {
        delay_ms: 20,
        ..count(1_000_000)
    });
    request.set_timeout(Duration::from_millis(600));
    let end = match bus.client().await.count(request).await {
        Ok(stream) => numbers(stream.into_inner()).await.1,
        // On a busy machine it is over before the first answer comes.
        Err(status) => Err(status),
    };
    assert_eq!(end.unwrap_err().code(), Code::DeadlineExceeded);
    within(service.ledger.until(|ledger| ledger.running() == 0)).await;
    bus.finish().await;
}
