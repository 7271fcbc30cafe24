//! Events: at least once, in the order of their keys, again as the contract says, set aside.

use std::time::Duration;

use test_contract::Echo;
use test_contract::echo::NoteRequest;
use tonic::Code;

use crate::calls::echo;
use crate::harness::{Bus, Raw, decode, within};

const NOTE: &str = "/echo.v1.NoteService/Note";
const IN_ORDER: &str = "/echo.v1.NoteService/NoteInOrder";

fn note(id: &str) -> NoteRequest {
    NoteRequest {
        id: id.into(),
        ..NoteRequest::default()
    }
}

/// One whose first attempts fail; 0 means all.
fn failing(id: &str, code: Code, fail_times: u32) -> NoteRequest {
    NoteRequest {
        fail_code: code as u32,
        fail_times,
        ..note(id)
    }
}

fn of_account(account: &str, note: NoteRequest) -> NoteRequest {
    NoteRequest {
        account: account.into(),
        ..note
    }
}

fn number(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes.try_into().unwrap())
}

/// The record without what was added to it.
fn own(raw: &Raw) -> Raw {
    let mut own = raw.clone();
    own.headers
        .retain(|(name, _)| !name.starts_with("kafka_dlt-"));
    own
}

pub(crate) async fn an_event_that_fails_waits_on_its_retry_topics_until_it_succeeds(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let request = failing("1", Code::Unavailable, 2);
    bus.notes().await.note(request).await.unwrap();
    within(service.ledger.until(|ledger| ledger.effects("1") == 1)).await;
    assert_eq!(service.ledger.begun("1"), 3);

    let topic = bus.topic(NOTE);
    let sent = bus.raw(&topic, 1).await.remove(0);
    for (tier, pause, attempts) in [(1, 100, 1), (2, 300, 2)] {
        let copy = bus.raw(&format!("{topic}.retry.{tier}"), 1).await.remove(0);
        assert_eq!(copy.headers[..sent.headers.len()], sent.headers[..]);
        assert_eq!(own(&copy), sent);
        let due = number(copy.header("kafka_dlt-due-timestamp").unwrap());
        assert!(due >= sent.time_ms + pause, "{due} {}", sent.time_ms);
        assert_eq!(
            copy.header("kafka_dlt-attempts").unwrap(),
            [0, 0, 0, attempts]
        );
        assert_eq!(copy.text("kafka_dlt-exception-fqcn"), "Unavailable");
        assert_eq!(copy.text("kafka_dlt-original-topic"), topic);
    }
    // Each copy counts as finished where it was.
    let committed = async || {
        let retries = [1, 2].map(|tier| format!("{topic}.retry.{tier}"));
        (
            bus.committed(&topic).await,
            bus.committed(&retries[0]).await,
            bus.committed(&retries[1]).await,
        )
    };
    within(async { while committed().await != (1, 1, 1) {} }).await;
    bus.finish().await;
}

pub(crate) async fn an_event_is_set_aside_after_the_last_pause(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let request = failing("1", Code::Internal, 0);
    bus.notes().await.note(request).await.unwrap();
    let topic = bus.topic(NOTE);
    let dead = bus.raw(&format!("{topic}.dlq"), 1).await.remove(0);
    let sent = bus.raw(&topic, 1).await.remove(0);
    assert_eq!(own(&dead), sent);
    assert_eq!(dead.text("kafka_dlt-original-topic"), topic);
    assert_eq!(dead.header("kafka_dlt-attempts").unwrap(), [0, 0, 0, 3]);
    assert_eq!(dead.text("kafka_dlt-exception-fqcn"), "Internal");
    assert!(dead.header("kafka_dlt-due-timestamp").is_none());
    assert_eq!(service.ledger.begun("1"), 3);
    bus.finish().await;
}

pub(crate) async fn an_event_that_cannot_be_handled_is_set_aside_at_once(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut notes = bus.notes().await;
    notes
        .note(failing("1", Code::InvalidArgument, 0))
        .await
        .unwrap();
    let topic = bus.topic(NOTE);
    let dead = bus.raw(&format!("{topic}.dlq"), 1).await.remove(0);
    let sent = bus.raw(&topic, 1).await.remove(0);
    assert_eq!(own(&dead), sent);
    assert_eq!(dead.headers[..sent.headers.len()], sent.headers[..]);
    assert_eq!(dead.text("kafka_dlt-exception-message"), "1");
    assert_eq!(service.ledger.begun("1"), 1);
    bus.finish().await;
}

pub(crate) async fn a_record_that_is_no_event_is_set_aside_and_stops_nothing(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let topic = bus.topic(NOTE);
    bus.write(&topic, Raw::new("poison", &[("x", b"y")])).await;
    // Forged on a retry topic, not due for a thousand years.
    let due = i64::MAX.to_be_bytes();
    let forged = Raw::new("poison", &[("kafka_dlt-due-timestamp", &due)]);
    bus.write(&format!("{topic}.retry.2"), forged).await;
    bus.notes().await.note(note("after")).await.unwrap();
    within(service.ledger.until(|ledger| ledger.effects("after") == 1)).await;
    let dead = bus.raw(&format!("{topic}.dlq"), 2).await;
    assert!(dead.iter().all(
        |raw| raw.text("kafka_dlt-exception-fqcn") == "Unauthenticated" && raw.value == b"poison"
    ));
    bus.finish().await;
}

pub(crate) async fn what_waits_holds_up_neither_events_nor_calls(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut notes = bus.notes().await;
    // More than a process works on at once, all of which fail until their last attempt.
    let sent = 700;
    for number in 0..sent {
        let request = failing(&number.to_string(), Code::Unavailable, 2);
        notes.note(request).await.unwrap();
    }
    let mut client = bus.client().await;
    client.echo(echo("meanwhile")).await.unwrap();
    notes.note(note("meanwhile")).await.unwrap();
    within(
        service
            .ledger
            .until(|ledger| ledger.effects("meanwhile") == 1),
    )
    .await;
    within(
        service
            .ledger
            .until(|ledger| ledger.all_effects() == sent + 1),
    )
    .await;
    assert!((0..sent).all(|number| service.ledger.begun(&number.to_string()) == 3));
    bus.finish().await;
}

pub(crate) async fn events_of_one_key_are_handled_in_their_order(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut notes = bus.notes().await;
    for number in 0..30u32 {
        for account in ["ada", "bob"] {
            // The first are the slowest: side by side the last would be first.
            let request = NoteRequest {
                delay_ms: (30 - number) / 3,
                ..of_account(account, note(&format!("{account}-{number}")))
            };
            notes.note_in_order(request).await.unwrap();
        }
    }
    within(service.ledger.until(|ledger| ledger.all_effects() == 60)).await;
    for account in ["ada", "bob"] {
        let handled = service.ledger.applied();
        let handled: Vec<_> = handled
            .iter()
            .filter(|id| id.starts_with(account))
            .collect();
        let expected: Vec<_> = (0..30)
            .map(|number| format!("{account}-{number}"))
            .collect();
        assert_eq!(handled, expected.iter().collect::<Vec<_>>());
    }
    bus.finish().await;
}

pub(crate) async fn an_event_in_order_is_tried_again_in_place_while_its_key_waits(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("first");
    bus.serve(&service).await;
    let mut notes = bus.notes().await;
    let first = of_account("ada", failing("first", Code::Unavailable, 2));
    notes.note_in_order(first).await.unwrap();
    notes
        .note_in_order(of_account("ada", note("second")))
        .await
        .unwrap();
    notes
        .note_in_order(of_account("bob", note("other")))
        .await
        .unwrap();
    within(service.ledger.until(|ledger| ledger.effects("other") == 1)).await;
    service.ledger.release("first");
    within(service.ledger.until(|ledger| ledger.all_effects() == 3)).await;
    assert_eq!(service.ledger.applied(), ["other", "first", "second"]);
    assert_eq!(service.ledger.begun("first"), 3);
    let sent = bus.raw(&bus.topic(IN_ORDER), 3).await;
    assert!(sent.iter().any(|raw| raw.key.as_deref() == Some(b"bob")));
    bus.finish().await;
}

pub(crate) async fn an_event_in_order_is_set_aside_and_the_next_of_its_key_goes_on(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut notes = bus.notes().await;
    let first = of_account("ada", failing("first", Code::Unavailable, 0));
    notes.note_in_order(first).await.unwrap();
    notes
        .note_in_order(of_account("ada", note("second")))
        .await
        .unwrap();
    within(service.ledger.until(|ledger| ledger.effects("second") == 1)).await;
    assert_eq!(service.ledger.begun("first"), 3);
    let dead = bus.raw(&format!("{}.dlq", bus.topic(IN_ORDER)), 1).await;
    assert_eq!(decode::<NoteRequest>(&dead[0].value).id, "first");
    bus.finish().await;
}

pub(crate) async fn a_key_that_waits_with_many_behind_it_stops_its_partition_alone(bus: Bus) {
    let service = Echo::default();
    service.ledger.hold("slow");
    let server = bus.serve(&service).await;
    let mut notes = bus.notes().await;
    let slow = of_account("ada", note("slow"));
    notes.note_in_order(slow).await.unwrap();
    let behind = (0..200).map(|number| {
        let (mut notes, id) = (notes.clone(), number.to_string());
        async move { notes.note_in_order(of_account("ada", note(&id))).await }
    });
    futures_util::future::try_join_all(behind).await.unwrap();
    notes.note(note("meanwhile")).await.unwrap();
    within(
        service
            .ledger
            .until(|ledger| ledger.effects("meanwhile") == 1),
    )
    .await;
    // Those behind it hold no slot: what is worked on is the slow one alone.
    within(async {
        while server.in_flight() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(service.ledger.effects("slow"), 0);
    service.ledger.release("slow");
    within(service.ledger.until(|ledger| ledger.all_effects() == 202)).await;
    assert_eq!(service.ledger.applied()[1], "slow");
    bus.finish().await;
}

pub(crate) async fn a_stop_waits_for_no_event_and_the_next_server_takes_it_up(bus: Bus) {
    let service = Echo::default();
    let server = bus.serve(&service).await;
    let mut notes = bus.notes().await;
    for (account, id) in [("ada", "first"), ("ada", "second")] {
        let request = of_account(account, failing(id, Code::Unavailable, 1));
        notes.note_in_order(request).await.unwrap();
    }
    notes
        .note(failing("tier", Code::Unavailable, 1))
        .await
        .unwrap();
    within(service.ledger.until(|ledger| ledger.begun("first") == 1)).await;
    within(service.ledger.until(|ledger| ledger.begun("tier") == 1)).await;
    within(server.shutdown(Duration::from_secs(60))).await;
    assert_eq!(server.in_flight(), 0);
    bus.serve(&service).await;
    within(service.ledger.until(|ledger| ledger.all_effects() == 3)).await;
    let applied = service.ledger.applied();
    let applied: Vec<_> = applied.iter().filter(|id| *id != "tier").collect();
    assert_eq!(applied, ["first", "second"]);
    bus.finish().await;
}

pub(crate) async fn events_go_on_while_servers_come_and_go(bus: Bus) {
    let service = Echo::default();
    let mut serving = bus.serve(&service).await;
    let mut notes = bus.notes().await;
    let sent = 200;
    for number in 0..sent {
        if number % 70 == 69 {
            let next = bus.serve(&service).await;
            serving.shutdown(Duration::from_secs(5)).await;
            serving = next;
        }
        let request = failing(&number.to_string(), Code::Unavailable, number % 3);
        let request = if number % 3 == 0 {
            note(&request.id)
        } else {
            request
        };
        notes.note(request).await.unwrap();
    }
    let all = |ledger: &test_contract::Ledger| {
        (0..sent).all(|number| ledger.effects(&number.to_string()) > 0)
    };
    within(service.ledger.until(all)).await;
    bus.finish().await;
}
