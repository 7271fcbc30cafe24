//! What becomes of calls that are sent again with their key.

use std::time::Duration;

use chassis::layer::idempotency::RESPONSES_UNAVAILABLE;
use chassis::layer::load_shed::OVERLOADED;
use chassis::status::reason_of;
use test_contract::echo::{ApplyRequest, ApplyResponse};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::harness::{BOTH, By, TestApp};

fn keyed(key: &str, message: ApplyRequest) -> Request<ApplyRequest> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("idempotency-key", key.parse().unwrap());
    request
}

fn apply(id: &str) -> ApplyRequest {
    ApplyRequest {
        id: id.into(),
        ..ApplyRequest::default()
    }
}

fn effects(answer: Result<Response<ApplyResponse>, Status>) -> u32 {
    answer.unwrap().into_inner().effects
}

fn reason(answer: Result<Response<ApplyResponse>, Status>) -> String {
    reason_of(&answer.unwrap_err()).unwrap()
}

#[tokio::test]
async fn a_call_sent_again_is_answered_as_before_by_whatever_it_comes() {
    let app = TestApp::replaying();
    for by in [By::Http2, By::Kafka, By::Http2] {
        let answer = app.client(by).charge(keyed("k", apply("a"))).await;
        assert_eq!(effects(answer), 1, "{by:?}");
    }
    assert_eq!(app.echo.ledger.begun("a"), 1);
    for by in BOTH {
        let answer = app.client(by).charge(keyed("k", apply("b"))).await;
        assert_eq!(reason(answer), "IDEMPOTENCY_KEY_REUSED");
        let answer = app
            .client(by)
            .charge(keyed(&"k".repeat(129), apply("b")))
            .await;
        assert_eq!(reason(answer), "IDEMPOTENCY_KEY_INVALID");
    }
    assert_eq!(app.echo.ledger.begun("b"), 0);
    // Without a key each call is one of its own, and so is each of a method that may run twice.
    let mut client = app.client(By::Http2);
    assert_eq!(effects(client.charge(apply("a")).await), 2);
    for effect in 1..=2 {
        assert_eq!(effects(client.apply(keyed("k", apply("c"))).await), effect);
    }
}

#[tokio::test]
async fn an_error_that_is_final_is_kept_with_its_details_and_another_is_not() {
    let app = TestApp::replaying();
    let mut client = app.client(By::Http2);
    let failing = |id: &str, code: Code| ApplyRequest {
        fail_code: code as u32,
        ..apply(id)
    };
    for _ in 0..2 {
        let refused = keyed("final", failing("final", Code::FailedPrecondition));
        let status = client.charge(refused).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(
            (status.message(), reason_of(&status).as_deref()),
            ("final", Some("ASKED"))
        );
        let away = keyed("passing", failing("passing", Code::Unavailable));
        assert_eq!(
            client.charge(away).await.unwrap_err().code(),
            Code::Unavailable
        );
    }
    assert_eq!(app.echo.ledger.begun("final"), 1);
    assert_eq!(app.echo.ledger.begun("passing"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gave_up_gets_the_answer_when_it_asks_again() {
    let app = TestApp::replaying();
    let slow = || ApplyRequest {
        delay_after_ms: 1000,
        ..apply("a")
    };
    let mut hurried = keyed("k", slow());
    hurried.set_timeout(Duration::from_millis(100));
    let mut client = app.client(By::Http2);
    let status = client.charge(hurried).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let status = client.charge(keyed("k", slow())).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(reason_of(&status).unwrap(), "IDEMPOTENCY_KEY_IN_USE");
    let retry = status
        .get_details_retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    tokio::time::sleep(retry).await;
    assert_eq!(effects(client.charge(keyed("k", slow())).await), 1);
    assert_eq!(app.echo.ledger.begun("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_gives_its_key_back() {
    let app = TestApp::replaying();
    let mut client = app.client(By::Http2);
    for times in 1..=2 {
        let endless = ApplyRequest {
            delay_ms: 60_000,
            ..apply("a")
        };
        let status = client.charge(keyed("k", endless)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        app.running(0).await;
        assert_eq!(app.echo.ledger.begun("a"), times);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_with_no_room_refuses_calls_with_a_key_alone() {
    let app = TestApp::replaying_at_most(1);
    let mut first = app.client(By::Http2);
    let running = ApplyRequest {
        delay_ms: 1000,
        ..apply("a")
    };
    let first = tokio::spawn(async move { first.charge(keyed("k1", running)).await });
    app.running(1).await;
    let mut client = app.client(By::Http2);
    let refused = client.charge(keyed("k2", apply("b"))).await;
    assert_eq!(reason(refused), RESPONSES_UNAVAILABLE.reason);
    assert_eq!(effects(client.charge(apply("b")).await), 1);
    assert_eq!(effects(first.await.unwrap()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_caller_went_keeps_its_place_among_those_with_a_key() {
    let app = TestApp::replaying_with(100, 1);
    let mut client = app.client(By::Http2);
    let slow = ApplyRequest {
        delay_ms: 1000,
        ..apply("a")
    };
    let mut hurried = keyed("k1", slow.clone());
    hurried.set_timeout(Duration::from_millis(100));
    let status = client.charge(hurried).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let refused = client.charge(keyed("k2", apply("b"))).await;
    assert_eq!(reason(refused), OVERLOADED.reason);
    assert_eq!(app.echo.ledger.begun("b"), 0);
    assert_eq!(effects(client.charge(apply("b")).await), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(effects(client.charge(keyed("k1", slow)).await), 1);
    assert_eq!(effects(client.charge(keyed("k2", apply("b"))).await), 2);
}
