//! Order among the calls of one key.

use test_contract::Echo;
use test_contract::echo::AppendRequest;

use crate::harness::{Bus, within};

fn append(account: &str, number: u32, delay_ms: u32) -> AppendRequest {
    AppendRequest {
        account: account.into(),
        number,
        delay_ms,
    }
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
            let mut call = Box::pin(async move { client.append(request).await });
            // Polled once, it is sent: in this order.
            assert!(futures_util::poll!(&mut call).is_pending());
            calls.push(call);
        }
    }
    for call in calls {
        within(call).await.unwrap();
    }
    let expected: Vec<_> = (0..40).collect();
    assert_eq!(service.ledger.order("ada"), expected);
    assert_eq!(service.ledger.order("bob"), expected);
    bus.finish().await;
}

pub(crate) async fn another_key_does_not_wait(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let client = bus.client().await;
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { slow.append(append("ada", 1, 2000)).await });
    within(service.ledger.until(|ledger| ledger.begun("ada") == 1)).await;
    client.clone().append(append("bob", 1, 0)).await.unwrap();
    assert_eq!(service.ledger.order("ada"), [0; 0]);
    within(slow).await.unwrap().unwrap();
    bus.finish().await;
}
