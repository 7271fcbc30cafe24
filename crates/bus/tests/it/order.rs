//! Order among the calls of one key.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{MaybeDone, maybe_done};
use test_contract::Echo;
use test_contract::echo::AppendRequest;
use tonic::{Code, Request};

use crate::harness::{Bus, within};

fn append(account: &str, number: u32, delay_ms: u32) -> AppendRequest {
    AppendRequest {
        account: account.into(),
        number,
        delay_ms,
    }
}

/// A call that was polled once: so it is sent, before the next one is made. It may be answered already.
async fn begun<F: Future>(call: F) -> Pin<Box<MaybeDone<F>>> {
    let mut call = Box::pin(maybe_done(call));
    let _ = futures_util::poll!(&mut call);
    call
}

async fn ended<F: Future>(mut call: Pin<Box<MaybeDone<F>>>) -> F::Output {
    within(call.as_mut()).await;
    call.as_mut().take_output().unwrap()
}

pub(crate) async fn calls_of_one_key_run_one_by_one_in_their_order(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let client = bus.client().await;
    let mut calls = Vec::new();
    for number in 0..40 {
        for account in ["ada", "bob"] {
            let mut client = client.clone();
            // The first are the slowest: side by side the last would be first.
            let request = append(account, number, (40 - number) / 4);
            let call = async move { client.append(request).await };
            calls.push(begun(call).await);
        }
    }
    for call in calls {
        ended(call).await.unwrap();
    }
    let expected: Vec<_> = (0..40).collect();
    assert_eq!(service.ledger.order("ada"), expected);
    assert_eq!(service.ledger.order("bob"), expected);
    bus.finish().await;
}

pub(crate) async fn another_key_does_not_wait(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("ada");
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { slow.append(append("ada", 1, 0)).await });
    within(service.ledger.until(|ledger| ledger.begun("ada") == 1)).await;
    within(client.append(append("bob", 1, 0))).await.unwrap();
    assert_eq!(service.ledger.order("ada"), [0; 0]);
    service.ledger.release("ada");
    within(slow).await.unwrap().unwrap();
    bus.finish().await;
}

pub(crate) async fn order_holds_for_calls_that_waited_for_a_slot(bus: Bus) {
    // More than are worked on at once.
    const CALLS: u32 = 1500;
    let service = Echo::default();
    bus.serve(&service).await;
    let client = bus.client().await;
    let accounts = ["ada", "bob", "cyd"];
    let mut calls = Vec::new();
    for number in 0..CALLS / 3 {
        for account in accounts {
            let mut client = client.clone();
            let request = append(account, number, 0);
            let call = async move { client.append(request).await };
            calls.push(begun(call).await);
        }
    }
    for call in calls {
        ended(call).await.unwrap();
    }
    for account in accounts {
        let expected: Vec<_> = (0..CALLS / 3).collect();
        assert_eq!(service.ledger.order(account), expected);
    }
    bus.finish().await;
}

pub(crate) async fn a_call_whose_time_is_over_before_its_turn_is_not_run(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("ada");
    bus.serve(&service).await;
    let client = bus.client().await;
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { slow.append(append("ada", 1, 0)).await });
    within(service.ledger.until(|ledger| ledger.begun("ada") == 1)).await;
    let mut hurried = Request::new(append("ada", 2, 0));
    hurried.set_timeout(Duration::from_millis(200));
    let status = client.clone().append(hurried).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    // A worker allows clocks to be apart by a quarter of a second: until then its time is not over.
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.ledger.release("ada");
    within(slow).await.unwrap().unwrap();
    client.clone().append(append("ada", 3, 0)).await.unwrap();
    assert_eq!(service.ledger.order("ada"), [1, 3]);
    bus.finish().await;
}
