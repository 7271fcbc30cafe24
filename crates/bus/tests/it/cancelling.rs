//! A caller that goes: nothing of its call is left, on either side.

use test_contract::Echo;
use test_contract::echo::{AppendRequest, ApplyRequest, EchoRequest};

use crate::calls::echo;
use crate::harness::{Bus, within};

pub(crate) async fn a_dropped_call_leaves_nothing_and_its_handler_stops(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let request = EchoRequest {
        delay_ms: 60_000,
        ..echo("long")
    };
    let mut dropped = client.clone();
    let call = tokio::spawn(async move { dropped.echo_late(request).await });
    within(service.ledger.until(|ledger| ledger.begun("long") == 1)).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    // Long before its deadline, let alone its end.
    within(service.ledger.until(|ledger| ledger.running() == 0)).await;
    client.echo(echo("next")).await.unwrap();
    bus.finish().await;
}

pub(crate) async fn a_call_that_waits_its_turn_is_skipped_when_its_caller_goes(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("ada");
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let append = |account: &str, number| AppendRequest {
        account: account.into(),
        number,
        ..AppendRequest::default()
    };
    let (mut first, mut second) = (client.clone(), client.clone());
    let running = tokio::spawn(async move { first.append(append("ada", 1)).await });
    within(service.ledger.until(|ledger| ledger.begun("ada") == 1)).await;
    let waiting = tokio::spawn(async move { second.append(append("ada", 2)).await });
    // It is on its way, or waits, when its caller goes; what cancels it follows on its partition.
    tokio::task::yield_now().await;
    waiting.abort();
    drop(waiting.await);
    // There is one partition: when this is answered, what cancels the other was read.
    within(client.append(append("bob", 1))).await.unwrap();
    service.ledger.release("ada");
    within(running).await.unwrap().unwrap();
    client.append(append("ada", 3)).await.unwrap();
    assert_eq!(service.ledger.order("ada"), [1, 3]);
    bus.finish().await;
}

pub(crate) async fn a_call_that_must_not_run_twice_is_not_broken_off(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let request = ApplyRequest {
        id: "once".into(),
        delay_ms: 500,
        ..ApplyRequest::default()
    };
    let call = tokio::spawn(async move { client.charge(request).await });
    within(service.ledger.until(|ledger| ledger.begun("once") == 1)).await;
    call.abort();
    drop(call.await);
    within(service.ledger.until(|ledger| ledger.effects("once") == 1)).await;
    bus.finish().await;
}

pub(crate) async fn a_thousand_dropped_calls_leave_nothing_behind(bus: Bus) {
    let service = Echo::default();
    let server = bus.serve(&service).await;
    let client = bus.client().await;
    let calls = (0..1000).map(|number| {
        let mut client = client.clone();
        let request = EchoRequest {
            delay_ms: 60_000,
            ..echo(&format!("dropped-{number}"))
        };
        tokio::spawn(async move { client.echo_late(request).await })
    });
    let calls: Vec<_> = calls.collect();
    within(service.ledger.until(|ledger| ledger.running() > 100)).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    for call in calls {
        assert!(call.await.unwrap_err().is_cancelled());
    }
    // What was taken is stopped or skipped, long before the minute that each would take.
    client.clone().echo_late(echo("after")).await.unwrap();
    within(service.ledger.until(|ledger| ledger.running() == 0)).await;
    within(async {
        while server.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bus.finish().await;
}
