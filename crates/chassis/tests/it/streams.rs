//! A stream is a call until its last frame.

use test_contract::echo::{CountRequest, CountResponse};
use tonic::{Code, Status, Streaming};

use crate::harness::{BOTH, By, TestApp, code, slow};

fn count(count: u32, delay_ms: u32) -> CountRequest {
    CountRequest {
        count,
        delay_ms,
        ..CountRequest::default()
    }
}

async fn last(mut stream: Streaming<CountResponse>) -> (u32, Code) {
    let mut messages = 0;
    loop {
        match stream.message().await {
            Ok(Some(_)) => messages += 1,
            Ok(None) => return (messages, Code::Ok),
            Err(status) => return (messages, status.code()),
        }
    }
}

fn ended(app: &TestApp, code: &str) -> usize {
    let method = "method=\"echo.v1.EchoService/Count\"";
    app.counted(&["rpc_calls_total", method, code, "} 1"]).len()
}

#[tokio::test]
async fn a_stream_holds_its_place_and_runs_until_it_ends() {
    for by in BOTH {
        let app = TestApp::new(1);
        let stream = app.client(by).count(count(3, 0)).await.unwrap();
        assert_eq!(
            code(&app.client(by).echo(slow(0)).await),
            Code::ResourceExhausted
        );
        assert_eq!(ended(&app, "OK"), 0);
        assert_eq!(last(stream.into_inner()).await, (3, Code::Ok), "{by:?}");
        app.client(by).echo(slow(0)).await.unwrap();
        assert_eq!(ended(&app, "OK"), 1);
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_was_cancelled() {
    for by in BOTH {
        let app = TestApp::new(1);
        drop(app.client(by).count(count(3, 0)).await.unwrap());
        app.client(by).echo(slow(0)).await.unwrap();
        assert_eq!(ended(&app, "CANCELLED"), 1, "{by:?}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_is_counted_by_what_comes_last() {
    for by in BOTH {
        let app = TestApp::new(1);
        let failing = CountRequest {
            fail_code: Code::DataLoss as u32,
            ..count(2, 0)
        };
        let stream: Result<_, Status> = app.client(by).count(failing).await;
        assert_eq!(
            last(stream.unwrap().into_inner()).await,
            (2, Code::DataLoss)
        );
        assert_eq!(ended(&app, "DATA_LOSS"), 1, "{by:?}");
    }
}

#[tokio::test]
async fn a_stream_that_panics_ends_with_a_status() {
    for by in BOTH {
        let app = TestApp::new(1);
        let panicking = CountRequest {
            panic: true,
            ..count(2, 0)
        };
        let stream = app.client(by).count(panicking).await.unwrap();
        // How many messages left before is the encoder's to say.
        assert_eq!(last(stream.into_inner()).await.1, Code::Internal, "{by:?}");
        assert_eq!(ended(&app, "INTERNAL"), 1);
        app.client(by).echo(slow(0)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_http2_ends_by_its_deadline() {
    let app = TestApp::new(1);
    let begun = tokio::time::Instant::now();
    let stream = app.client(By::Http2).count(count(10, 7_000)).await.unwrap();
    // The method gives it 30 s.
    assert_eq!(last(stream.into_inner()).await, (4, Code::DeadlineExceeded));
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(ended(&app, "DEADLINE_EXCEEDED"), 1);
}
