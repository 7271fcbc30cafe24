//! Calls: answered, refused, in time.

use std::time::{Duration, Instant};

use test_contract::Echo;
use test_contract::echo::{EchoRequest, EchoResponse};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::harness::{Bus, within};

pub(crate) fn echo(text: &str) -> EchoRequest {
    EchoRequest {
        text: text.into(),
        ..EchoRequest::default()
    }
}

pub(crate) async fn a_call_is_answered(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let answer = client.echo(echo("hello")).await.unwrap().into_inner();
    assert_eq!(answer.text, "hello");
    assert_eq!(service.ledger.begun("hello"), 1);
    bus.finish().await;
}

pub(crate) async fn an_error_keeps_its_code_message_and_details(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let request = EchoRequest {
        fail_code: Code::FailedPrecondition as u32,
        ..echo("revoked: \"ä\" 100%\n")
    };
    let status = bus.client().await.echo(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "revoked: \"ä\" 100%\n");
    assert_eq!(status.get_details_error_info().unwrap().reason, "ASKED");
    bus.finish().await;
}

pub(crate) async fn a_call_without_a_service_ends_by_its_deadline(bus: Bus) {
    let mut client = bus.client().await;
    let mut request = Request::new(echo("nobody"));
    request.set_timeout(Duration::from_millis(300));
    let begun = Instant::now();
    let status = client.echo(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    bus.finish().await;
}

pub(crate) async fn a_panic_is_an_internal_error_and_the_next_call_is_answered(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let mut client = bus.client().await;
    for delay_ms in [0, 50] {
        let request = EchoRequest {
            panic: true,
            delay_ms,
            ..echo("as asked")
        };
        let status = client.echo(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("as asked"), "{status:?}");
    }
    client.echo(echo("next")).await.unwrap();
    bus.finish().await;
}

pub(crate) async fn many_calls_at_once_each_get_their_own_answer(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let client = bus.client().await;
    let calls = (0..600).map(|number| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let request = EchoRequest {
                // Some end on the poll thread, some beside it.
                delay_ms: number % 3,
                ..echo(&number.to_string())
            };
            // On a busy machine so many take longer than one may.
            let answer = client.echo_late(request).await.unwrap().into_inner();
            assert_eq!(answer.text, number.to_string());
        })
    });
    for call in calls.collect::<Vec<_>>() {
        within(call).await.unwrap();
    }
    bus.finish().await;
}

pub(crate) async fn metadata_travels_both_ways(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let mut request = Request::new(());
    let metadata = request.metadata_mut();
    metadata.insert("accept-language", "sv".parse().unwrap());
    metadata.insert("authorization", "Bearer x".parse().unwrap());
    metadata.insert("traceparent", "00-aa-bb-01".parse().unwrap());
    metadata.insert("x-user-id", "forged".parse().unwrap());
    let response = bus.client().await.who_am_i(request).await.unwrap();
    assert_eq!(response.metadata().get("content-language").unwrap(), "sv");
    let seen = response.into_inner();
    assert!(seen.from_bus);
    for expected in [
        "accept-language: sv",
        "authorization: Bearer x",
        "traceparent: 00-aa-bb-01",
    ] {
        assert!(
            seen.metadata.iter().any(|line| line == expected),
            "{seen:?}"
        );
    }
    assert!(
        !seen
            .metadata
            .iter()
            .any(|line| line.starts_with("x-user-id")),
        "{seen:?}"
    );
    bus.finish().await;
}

pub(crate) async fn what_is_left_of_the_deadline_reaches_the_handler(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let mut client = bus.client().await;
    let mut request = Request::new(());
    request.set_timeout(Duration::from_millis(2000));
    let asked = client.who_am_i(request).await.unwrap().into_inner();
    assert!((1..=2000).contains(&asked.budget_ms), "{asked:?}");
    // More than the method allows is cut to what it allows.
    let mut request = Request::new(());
    request.set_timeout(Duration::from_secs(3600));
    let asked = client.who_am_i(request).await.unwrap().into_inner();
    assert!((2001..=5000).contains(&asked.budget_ms), "{asked:?}");
    bus.finish().await;
}

pub(crate) async fn a_message_at_the_limit_travels_and_one_byte_more_is_refused(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let limit = bus.settings().message_limit;
    // The tag takes a byte and the length three; the answer is asked to be small.
    let request = |bytes: usize| EchoRequest {
        payload: vec![1; bytes],
        reply_bytes: 1,
        ..EchoRequest::default()
    };
    // Two bytes are `reply_bytes`.
    let answer = client.echo(request(limit - 4 - 2)).await.unwrap();
    assert_eq!(answer.into_inner().payload, [7]);
    let status = client.echo(request(limit - 4 - 2 + 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    // And the other way.
    let answer_of = |bytes: usize| EchoRequest {
        reply_bytes: bytes.try_into().unwrap(),
        ..EchoRequest::default()
    };
    let EchoResponse { payload, .. } = client
        .echo(answer_of(limit - 4))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(payload.len(), limit - 4);
    let status = client.echo(answer_of(limit - 3)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    bus.finish().await;
}

pub(crate) async fn a_slow_handler_does_not_hold_up_others(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("slow");
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { slow.echo_late(echo("slow")).await });
    within(service.ledger.until(|ledger| ledger.begun("slow") == 1)).await;
    within(client.echo_late(echo("quick"))).await.unwrap();
    service.ledger.release("slow");
    within(slow).await.unwrap().unwrap();
    bus.finish().await;
}

pub(crate) async fn a_handler_that_burns_time_does_not_hold_up_others_for_long(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let burning = |text: &str| EchoRequest {
        burn_ms: 1000,
        ..echo(text)
    };
    // The first is measured, wherever it runs. From then on the method keeps off the thread that polls.
    client.echo_late(burning("first")).await.unwrap();
    service.ledger.hold("second");
    let mut second = client.clone();
    let second = tokio::spawn(async move { second.echo_late(burning("second")).await });
    within(service.ledger.until(|ledger| ledger.begun("second") == 1)).await;
    let quick = client.who_am_i(()).await;
    // First of all: a thread that burns outlasts the test.
    service.ledger.release("second");
    quick.unwrap();
    within(second).await.unwrap().unwrap();
    bus.finish().await;
}

pub(crate) async fn an_empty_message_is_no_missing_one(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let answer = bus
        .client()
        .await
        .echo(EchoRequest::default())
        .await
        .unwrap();
    assert_eq!(answer.into_inner(), EchoResponse::default());
    bus.finish().await;
}
