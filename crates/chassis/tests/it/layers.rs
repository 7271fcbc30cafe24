//! What holds for a unary call, whatever brought it.

use std::time::Duration;

use chassis::status::reason_of;
use test_contract::echo::EchoRequest;
use tonic::{Code, Request};

use crate::harness::{BOTH, By, TestApp, code, slow};

fn transport(by: By) -> &'static str {
    match by {
        By::Kafka => "transport=\"kafka\"",
        By::Http2 => "transport=\"http2\"",
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_takes_as_many_calls_as_it_has_room_for_over_both_transports_together() {
    let app = TestApp::new(100);
    let mut running = Vec::new();
    for by in BOTH {
        let mut client = app.client(by);
        running.push(tokio::spawn(async move { client.scarce(slow(100)).await }));
    }
    app.running(2).await;
    for by in BOTH {
        let status = app.client(by).scarce(slow(0)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{by:?}");
        assert_eq!(reason_of(&status).unwrap(), "OVERLOADED");
        // Other methods have room of their own.
        app.client(by).echo(slow(0)).await.unwrap();
    }
    for call in running {
        call.await.unwrap().unwrap();
    }
    for by in BOTH {
        app.client(by).scarce(slow(0)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_takes_as_many_calls_as_it_has_room_for() {
    let app = TestApp::new(1);
    let mut client = app.client(By::Kafka);
    let first = tokio::spawn(async move { client.echo(slow(100)).await });
    app.running(1).await;
    let status = app.client(By::Http2).scarce(slow(0)).await.unwrap_err();
    assert_eq!(reason_of(&status).unwrap(), "OVERLOADED");
    first.await.unwrap().unwrap();
    // What was refused has taken nothing of its method's room either.
    let mut client = app.client(By::Http2);
    client.scarce(slow(0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_caller_goes_away_gives_its_place_back_and_is_counted() {
    for by in BOTH {
        let app = TestApp::new(1);
        let mut client = app.client(by);
        let gone = tokio::spawn(async move { client.echo(slow(1000)).await });
        app.running(1).await;
        gone.abort();
        app.running(0).await;
        app.client(by).echo(slow(0)).await.unwrap();
        let ended = ["rpc_calls_total", transport(by), "CANCELLED", "} 1"];
        assert_eq!(app.counted(&ended).len(), 1, "{}", app.metrics.render());
    }
}

#[tokio::test]
async fn calls_are_counted_by_method_transport_and_status() {
    let app = TestApp::new(100);
    for by in BOTH {
        let mut client = app.client(by);
        client.echo(slow(0)).await.unwrap();
        client.echo(slow(0)).await.unwrap();
        let failing = EchoRequest {
            fail_code: Code::NotFound as u32,
            ..slow(0)
        };
        assert_eq!(code(&client.echo(failing).await), Code::NotFound);
        let method = "method=\"echo.v1.EchoService/Echo\"";
        for line in [
            ["rpc_calls_total", "code=\"OK\"", "} 2"],
            ["rpc_calls_total", "code=\"NOT_FOUND\"", "} 1"],
            ["rpc_calls_in_flight", "", "} 0"],
            ["rpc_call_duration_seconds_count", "", "} 3"],
        ] {
            let line = [&line[..], &[method, transport(by)]].concat();
            assert_eq!(
                app.counted(&line).len(),
                1,
                "{line:?} {}",
                app.metrics.render()
            );
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_own_call_and_no_other() {
    let app = TestApp::new(1);
    for by in BOTH {
        let mut client = app.client(by);
        let panicking = EchoRequest {
            panic: true,
            ..slow(0)
        };
        let status = client.echo(panicking).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{by:?}");
        assert_eq!(status.message(), "the service failed");
        client.echo(slow(0)).await.unwrap();
        let ended = ["rpc_calls_total", transport(by), "INTERNAL", "} 1"];
        assert_eq!(app.counted(&ended).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_over_http2_ends_by_its_own_deadline_and_by_the_methods() {
    let app = TestApp::new(1);
    let mut client = app.client(By::Http2);
    let begun = tokio::time::Instant::now();
    let mut hurried = Request::new(slow(60_000));
    hurried.set_timeout(Duration::from_millis(50));
    assert_eq!(code(&client.echo(hurried).await), Code::DeadlineExceeded);
    assert_eq!(begun.elapsed().as_millis(), 50);
    assert_eq!(
        code(&client.echo(slow(60_000)).await),
        Code::DeadlineExceeded
    );
    // The method states none: 5 s.
    assert_eq!(begun.elapsed().as_millis(), 5050);
    app.running(0).await;
    let mut malformed = Request::new(slow(0));
    let metadata = malformed.metadata_mut();
    metadata.insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(code(&client.echo(malformed).await), Code::InvalidArgument);
}

#[tokio::test(start_paused = true)]
async fn a_call_over_the_bus_is_timed_by_the_bus() {
    let app = TestApp::new(1);
    let mut client = app.client(By::Kafka);
    let begun = tokio::time::Instant::now();
    client.echo(slow(60_000)).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn an_internal_method_takes_callers_with_the_bus_key() {
    let app = TestApp::new(1);
    app.client(By::Kafka).who_am_i(()).await.unwrap();
    let status = app.client(By::Http2).who_am_i(()).await.unwrap_err();
    assert_eq!(reason_of(&status).unwrap(), "INTERNAL_METHOD");
}
