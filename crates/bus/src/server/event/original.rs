//! A record as it came, and the copies of it that are made: for a retry topic, or as a dead letter.

use tonic::Status;

use crate::header::{self, dead_letter};
use crate::record::Received;
use crate::topics;

/// A record as it came, without what an earlier copy has added.
#[derive(Debug)]
pub(super) struct Original {
    /// The topic that it was first sent to.
    pub(super) topic: String,
    /// On which retry topic of that it was, counted from 1; 0 on the topic itself.
    pub(super) tier: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) time_ms: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
    headers: Headers,
    /// Where it was when it was first copied: topic, partition and offset, as header values.
    place: Headers,
}

/// The most bytes of a reason that are kept: a record with it has to fit where the event alone did.
const REASON_LIMIT: usize = 1000;

/// Names and values.
pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// A record to be sent.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) topic: String,
    pub(super) headers: Headers,
}

impl Original {
    pub(super) fn of(received: &Received<'_>) -> Self {
        let (topic, tier) = received.origin();
        let pair = |(name, value): &(&str, &[u8])| ((*name).to_owned(), value.to_vec());
        let (added, headers): (Headers, Headers) = received
            .headers
            .iter()
            .map(pair)
            .partition(|(name, _)| name.starts_with(header::DEAD_LETTER_PREFIX));
        // A copy knows where the first was. On the topic itself such a header is a stranger's.
        let mut place: Headers = added
            .into_iter()
            .filter(|(name, _)| tier > 0 && dead_letter::PLACE.contains(&name.as_str()))
            .collect();
        if place.len() != dead_letter::PLACE.len() {
            place = vec![
                (
                    dead_letter::ORIGINAL_TOPIC.into(),
                    received.topic.as_bytes().to_vec(),
                ),
                (
                    dead_letter::ORIGINAL_PARTITION.into(),
                    received.partition.to_be_bytes().to_vec(),
                ),
                (
                    dead_letter::ORIGINAL_OFFSET.into(),
                    received.offset.to_be_bytes().to_vec(),
                ),
                (
                    dead_letter::ORIGINAL_TIMESTAMP.into(),
                    received.time_ms.to_be_bytes().to_vec(),
                ),
            ];
        }
        Self {
            topic: topic.to_owned(),
            tier,
            partition: received.partition,
            offset: received.offset,
            time_ms: received.time_ms,
            key: received.key.map(<[u8]>::to_vec),
            value: received.value.to_vec(),
            headers,
            place,
        }
    }

    /// The copy for a retry topic, to be handled from `due_ms` on.
    pub(super) fn later(&self, tier: usize, due_ms: i64, status: &Status, attempts: u32) -> Copy {
        let mut headers = self.headers.clone();
        headers.extend(self.added(status, attempts));
        headers.push((dead_letter::DUE.into(), due_ms.to_be_bytes().to_vec()));
        Copy {
            topic: topics::retry_topic(&self.topic, tier),
            headers,
        }
    }

    /// The dead letter.
    pub(super) fn dead(&self, status: &Status, attempts: u32) -> Copy {
        let mut headers = self.headers.clone();
        headers.extend(self.added(status, attempts));
        Copy {
            topic: topics::dead_letter_topic(&self.topic),
            headers,
        }
    }

    /// What is added where nothing else has room: what it was is still at the place that it names.
    pub(super) fn dead_without_content(&self, status: &Status, attempts: u32) -> Copy {
        Copy {
            topic: topics::dead_letter_topic(&self.topic),
            headers: self.added(status, attempts),
        }
    }

    fn added(&self, status: &Status, attempts: u32) -> Headers {
        let mut added = self.place.clone();
        added.push((
            dead_letter::CODE.into(),
            format!("{:?}", status.code()).into_bytes(),
        ));
        added.push((
            dead_letter::MESSAGE.into(),
            short(status.message()).as_bytes().to_vec(),
        ));
        added.push((
            dead_letter::ATTEMPTS.into(),
            attempts.to_be_bytes().to_vec(),
        ));
        added
    }
}

fn short(message: &str) -> &str {
    &message[..message.floor_char_boundary(REASON_LIMIT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received<'a>(topic: &'a str, headers: &[(&'a str, &'a [u8])]) -> Received<'a> {
        Received {
            topic,
            partition: 3,
            offset: 40,
            time_ms: 7,
            key: Some(b"k"),
            headers: headers.to_vec(),
            value: b"v",
        }
    }

    fn find<'a>(copy: &'a Copy, name: &str) -> Vec<&'a [u8]> {
        let named = copy.headers.iter().filter(|(own, _)| own == name);
        named.map(|(_, value)| value.as_slice()).collect()
    }

    #[test]
    fn the_own_headers_come_first_and_unchanged() {
        let original = Original::of(&received("t", &[("ce_id", b"1"), ("rpc-mac", b"m")]));
        let dead = original.dead(&Status::invalid_argument("no"), 1);
        assert_eq!(dead.topic, "t.dlq");
        assert_eq!(
            dead.headers[..2],
            [
                ("ce_id".into(), b"1".to_vec()),
                ("rpc-mac".into(), b"m".to_vec())
            ]
        );
        assert_eq!(find(&dead, dead_letter::CODE), [b"InvalidArgument"]);
        assert_eq!(find(&dead, dead_letter::ATTEMPTS), [[0, 0, 0, 1]]);
    }

    #[test]
    fn a_copy_of_a_copy_keeps_the_first_place_and_has_one_reason() {
        let first = Original::of(&received("t", &[("ce_id", b"1")]));
        let first = first.later(1, 500, &Status::unavailable("once"), 1);
        assert_eq!(first.topic, "t.retry.1");
        assert_eq!(find(&first, dead_letter::DUE), [500i64.to_be_bytes()]);
        let pairs: Vec<_> = first
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let mut second = received(&first.topic, &pairs);
        (second.partition, second.offset) = (0, 9);
        let second = Original::of(&second);
        assert_eq!((second.topic.as_str(), second.tier), ("t", 1));
        let dead = second.dead(&Status::unavailable("twice"), 2);
        assert_eq!(dead.topic, "t.dlq");
        assert_eq!(
            find(&dead, dead_letter::ORIGINAL_OFFSET),
            [40i64.to_be_bytes()]
        );
        assert_eq!(find(&dead, dead_letter::MESSAGE), [b"twice"]);
        assert!(find(&dead, dead_letter::DUE).is_empty());
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(short("ä"), "ä");
        assert_eq!(short(&format!("x{}", "ä".repeat(1000))).len(), 999);
    }

    #[test]
    fn what_a_stranger_added_on_the_topic_itself_is_left_out() {
        let forged = [
            (dead_letter::ORIGINAL_TOPIC, &b"x"[..]),
            (dead_letter::ORIGINAL_PARTITION, b"x"),
            (dead_letter::ORIGINAL_OFFSET, b"x"),
            (dead_letter::ORIGINAL_TIMESTAMP, b"x"),
        ];
        let dead = Original::of(&received("t", &forged)).dead(&Status::internal("no"), 1);
        assert_eq!(find(&dead, dead_letter::ORIGINAL_TOPIC), [b"t"]);
    }
}
