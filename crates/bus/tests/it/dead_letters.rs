//! Counting, showing and sending dead letters again.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bus::dead_letter::{DeadLetterError, DeadLetters, Place, Redrive, Redriven, Selection, Value};
use test_contract::echo::NoteRequest;
use test_contract::{Echo, NOTE as SERVICE};
use tonic::Code;

use crate::harness::{Bus, Raw, within};

const NOTE: &str = "/echo.v1.NoteService/Note";

fn letters(bus: &Bus) -> DeadLetters {
    DeadLetters::new(bus.settings(), bus.contract(), &[SERVICE], bus.group())
}

/// Publishes events that are set aside at their first attempt and handled at their second, and waits
/// until they are dead letters.
async fn set_aside(bus: &Bus, ids: &[&str]) -> String {
    let mut notes = bus.notes().await;
    let dead = format!("{}.dlq", bus.topic(NOTE));
    for (index, id) in ids.iter().enumerate() {
        let request = NoteRequest {
            id: (*id).into(),
            fail_code: Code::InvalidArgument as u32,
            fail_times: 1,
            ..NoteRequest::default()
        };
        notes.note(request).await.unwrap();
        // One after the other, so that their offsets are known.
        bus.raw(&dead, index + 1).await;
    }
    dead
}

fn redrive(topic: &str, selection: Selection) -> Redrive {
    Redrive {
        topic: topic.to_owned(),
        selection,
        per_second: NonZeroU32::new(1000).unwrap(),
        limit: u64::MAX,
    }
}

fn sent(sent: u64) -> Redriven {
    Redriven {
        sent,
        ..Redriven::default()
    }
}

async fn depth(letters: &DeadLetters, topic: &str) -> u64 {
    let depths = letters.list().await.unwrap();
    depths.iter().find(|d| d.topic == topic).unwrap().depth
}

pub(crate) async fn a_dead_letter_is_counted_and_shown(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let letters = letters(&bus);
    let empty = letters.list().await.unwrap();
    assert!(empty.iter().all(|d| d.depth == 0 && d.oldest_ms.is_none()));
    let topic = set_aside(&bus, &["first", "second"]).await;
    let event = bus.raw(&bus.topic(NOTE), 2).await.remove(0);
    let depths = letters.list().await.unwrap();
    let depth = depths.iter().find(|depth| depth.topic == topic).unwrap();
    assert_eq!((depth.method.as_str(), depth.depth), (NOTE, 2));
    assert_eq!(depth.oldest_ms, Some(event.time_ms));

    let letter = letters.show(&topic, 0, 0).await.unwrap();
    let original = letter.original.unwrap();
    assert_eq!((original.topic, original.offset), (bus.topic(NOTE), 0));
    assert_eq!(
        letter.place,
        Place {
            topic,
            partition: 0,
            offset: 0
        }
    );
    assert_eq!(letter.event_id.as_deref(), Some(event.text("ce_id")));
    assert_eq!(letter.time_ms, event.time_ms);
    assert_eq!(letter.code.as_deref(), Some("InvalidArgument"));
    assert_eq!(
        (letter.reason.as_deref(), letter.attempts),
        (Some("first"), Some(1))
    );
    assert!(!letter.redriven);
    let Value::Json(json) = letter.value else {
        panic!("{:?}", letter.value);
    };
    assert!(json.contains(r#""id":"first""#), "{json}");
    bus.finish().await;
}

pub(crate) async fn a_record_that_does_not_open_is_shown_without_its_value(bus: Bus) {
    bus.serve(&Echo::default()).await;
    let topic = bus.topic(NOTE);
    bus.write(&topic, Raw::new("poison", &[("x", b"y")])).await;
    bus.raw(&format!("{topic}.dlq"), 1).await;
    let letter = letters(&bus).show(&topic, 0, 0).await.unwrap();
    let why = "unsigned".to_owned();
    assert_eq!(letter.value, Value::Unreadable { why, bytes: 6 });
    assert_eq!(letter.code.as_deref(), Some("Unauthenticated"));
    assert_eq!(letter.headers[0], ("x".to_owned(), "y".to_owned()));
    bus.finish().await;
}

pub(crate) async fn dead_letters_are_sent_again_once_as_they_were(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let topic = set_aside(&bus, &["first", "second", "third"]).await;
    let letters = letters(&bus);
    let all = redrive(&topic, Selection::All);
    assert_eq!(letters.redrive(&all).await.unwrap(), sent(3));
    within(service.ledger.until(|ledger| ledger.all_effects() == 3)).await;
    let records = bus.raw(&bus.topic(NOTE), 6).await;
    assert_eq!(records[..3], records[3..]);
    assert_eq!(depth(&letters, &topic).await, 0);
    assert!(letters.show(&topic, 0, 1).await.unwrap().redriven);
    // Neither again nor by another process.
    assert_eq!(letters.redrive(&all).await.unwrap(), sent(0));
    let other = self::letters(&bus);
    assert_eq!(other.redrive(&all).await.unwrap(), sent(0));
    assert_eq!(service.ledger.begun("first"), 2);
    bus.finish().await;
}

pub(crate) async fn a_letter_sent_alone_is_not_sent_with_the_rest(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let topic = set_aside(&bus, &["first", "second", "third"]).await;
    let letters = letters(&bus);
    let one = Selection::One {
        partition: 0,
        offset: 1,
    };
    let one = redrive(&bus.topic(NOTE), one);
    assert_eq!(letters.redrive(&one).await.unwrap(), sent(1));
    let known = Redriven {
        known: 1,
        ..Redriven::default()
    };
    assert_eq!(letters.redrive(&one).await.unwrap(), known);
    assert_eq!(depth(&letters, &topic).await, 2);
    let rest = redrive(&topic, Selection::Partition(0));
    assert_eq!(letters.redrive(&rest).await.unwrap(), sent(2));
    within(service.ledger.until(|ledger| ledger.all_effects() == 3)).await;
    let applied = service.ledger.applied();
    assert_eq!(applied[0], "second");
    // Nothing orders the other two: they run side by side.
    assert!(applied.iter().any(|id| id == "first") && applied.iter().any(|id| id == "third"));
    bus.finish().await;
}

pub(crate) async fn a_redrive_stops_at_its_limit_and_goes_on_from_there(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let topic = set_aside(&bus, &["1", "2", "3", "4", "5"]).await;
    let letters = letters(&bus);
    let slow = Redrive {
        per_second: NonZeroU32::new(20).unwrap(),
        limit: 3,
        ..redrive(&topic, Selection::All)
    };
    let begun = Instant::now();
    assert_eq!(letters.redrive(&slow).await.unwrap(), sent(3));
    // The first at once, each next one a twentieth of a second later.
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(depth(&letters, &topic).await, 2);
    assert_eq!(letters.redrive(&slow).await.unwrap(), sent(2));
    within(service.ledger.until(|ledger| ledger.all_effects() == 5)).await;
    bus.finish().await;
}

pub(crate) async fn what_is_not_there_is_said(bus: Bus) {
    let letters = letters(&bus);
    let topic = bus.topic(NOTE);
    let error = letters.show("no.such", 0, 0).await.unwrap_err();
    assert!(error.to_string().contains(&topic), "{error}");
    for (partition, offset) in [(0, 0), (7, 0), (-1, 0)] {
        let error = letters.show(&topic, partition, offset).await.unwrap_err();
        assert!(matches!(error, DeadLetterError::NoRecord { .. }), "{error}");
        let one = redrive(&topic, Selection::One { partition, offset });
        let error = letters.redrive(&one).await.unwrap_err();
        assert!(matches!(error, DeadLetterError::NoRecord { .. }), "{error}");
    }
    bus.finish().await;
}
