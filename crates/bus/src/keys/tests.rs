use proptest::prelude::*;

use super::*;

fn ring(fill: u8) -> KeyRing {
    KeyRing::parse(&key(fill)).unwrap()
}

fn key(fill: u8) -> String {
    format!("k4.local.{}", URL_SAFE_NO_PAD.encode([fill; 32]))
}

fn record() -> Outgoing {
    let mut record = Outgoing::new("user.find", 1_700_000_000_000, Bytes::from_static(b"abc"));
    record.header(header::CORRELATION_ID, b"0123".to_vec());
    record.header(header::METHOD, b"/user.v1.UserService/Find".to_vec());
    record
}

/// What a consumer of `topic` sees of `record`.
fn seen<'a>(record: &'a Outgoing, topic: &'a str) -> Received<'a> {
    Received {
        topic,
        partition: 0,
        offset: 0,
        time_ms: record.time_ms,
        key: None,
        headers: record
            .headers
            .iter()
            .map(|(n, v)| (n.as_ref(), v.as_ref()))
            .collect(),
        value: &record.value,
    }
}

#[test]
fn a_signed_record_is_accepted_where_it_was_sent() {
    let mut record = record();
    ring(1).sign(&mut record);
    assert_eq!(ring(1).verify(&seen(&record, "user.find")), Ok(()));
}

#[test]
fn a_record_on_another_topic_is_refused() {
    let mut record = record();
    ring(1).sign(&mut record);
    assert_eq!(
        ring(1).verify(&seen(&record, "user.register")),
        Err(Refused::Forged)
    );
}

#[test]
fn an_unsigned_record_and_one_of_a_foreign_key_are_refused() {
    let mut record = record();
    assert_eq!(
        ring(1).verify(&seen(&record, "user.find")),
        Err(Refused::Unsigned)
    );
    ring(2).sign(&mut record);
    assert_eq!(
        ring(1).verify(&seen(&record, "user.find")),
        Err(Refused::UnknownKey)
    );
}

#[test]
fn a_key_is_rotated_by_adding() {
    let mut record = record();
    ring(1).sign(&mut record);
    let both = KeyRing::parse(&format!("{}, {}", key(2), key(1))).unwrap();
    assert_eq!(both.verify(&seen(&record, "user.find")), Ok(()));
}

#[test]
fn what_dead_lettering_and_tracing_add_is_outside_the_mac() {
    let mut record = record();
    ring(1).sign(&mut record);
    record.header("kafka_dlt-exception-message", b"why".to_vec());
    record.header("traceparent", b"00-1-2-01".to_vec());
    assert_eq!(ring(1).verify(&seen(&record, "user.find")), Ok(()));
}

#[test]
fn a_sealed_value_opens_only_at_its_place() {
    let mut record = record();
    ring(1).seal(&mut record).unwrap();
    ring(1).sign(&mut record);
    assert!(!record.value.windows(3).any(|window| window == b"abc"));
    assert_eq!(ring(1).open(&seen(&record, "user.find")).unwrap(), b"abc");
    assert_eq!(
        ring(1).open(&seen(&record, "user.register")),
        Err(Refused::Unopenable)
    );
}

#[test]
fn an_empty_value_can_be_sealed() {
    let mut record = Outgoing::new("t", 1, Bytes::new());
    ring(1).seal(&mut record).unwrap();
    ring(1).sign(&mut record);
    assert_eq!(ring(1).open(&seen(&record, "t")).unwrap(), b"");
}

#[test]
fn what_is_no_key_ring_is_refused() {
    assert_eq!(KeyRing::parse(" , ").unwrap_err(), KeyError::Empty);
    assert_eq!(
        KeyRing::parse("k4.public.x").unwrap_err(),
        KeyError::Malformed(1)
    );
    assert_eq!(
        KeyRing::parse(&format!("{},k4.local.AA", key(1))).unwrap_err(),
        KeyError::Malformed(2)
    );
    assert_eq!(KeyRing::parse(&key(0)).unwrap_err(), KeyError::Zero(1));
}

#[test]
fn a_derived_key_is_of_its_purpose_and_of_its_key() {
    let both = KeyRing::parse(&format!("{},{}", key(1), key(2))).unwrap();
    let derived = both.derive("a");
    assert_eq!(derived, [ring(1).derive("a")[0], ring(2).derive("a")[0]]);
    assert_ne!(derived[0], derived[1]);
    assert_ne!(derived, both.derive("b"));
}

#[test]
fn debug_shows_no_key() {
    assert!(!format!("{:?}", ring(7)).contains("BwcH"));
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_noticed(place in 0usize..1000, bit in 0u8..8) {
        let mut record = record();
        ring(1).sign(&mut record);
        let mut parts: Vec<&mut u8> = record
            .headers
            .iter_mut()
            .filter(|(name, _)| name != header::KEY_ID)
            .flat_map(|(_, value)| value.to_mut().iter_mut())
            .collect();
        let place = place % parts.len();
        *parts[place] ^= 1 << bit;
        prop_assert_eq!(ring(1).verify(&seen(&record, "user.find")), Err(Refused::Forged));
    }
}
