//! Where a reply goes.

use super::dialect::Dialect;
use crate::header;
use crate::producer::Lane;
use crate::record::Received;

/// Where a reply goes, and in which form.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) topic: String,
    /// None: the producer's choice, for foreign callers that read the whole topic.
    pub(super) partition: Option<i32>,
    pub(super) correlation_id: Vec<u8>,
    pub(super) dialect: Dialect,
    /// How replies leave: as the request did.
    pub(super) lane: Lane,
}

impl Address {
    /// Reads the address from a request. The partition may be 4 bytes or decimal text.
    ///
    /// # Errors
    /// What is missing or not allowed.
    pub(super) fn of(
        received: &Received<'_>,
        dialect: Dialect,
        named: &[String],
    ) -> Result<Self, &'static str> {
        let topic = received
            .text(header::REPLY_TOPIC)
            .ok_or("it names no reply topic")?;
        if !is_reply_topic(topic, named) {
            return Err("its reply topic is not one that replies may go to");
        }
        let partition = match received.header(header::REPLY_PARTITION) {
            None if !dialect.is_own() => None,
            None => return Err("it names no reply partition"),
            Some(bytes) => Some(partition(bytes).ok_or("its reply partition is no number")?),
        };
        let correlation_id = received.header(header::CORRELATION_ID);
        let correlation_id = correlation_id.ok_or("it has no correlation id")?.to_vec();
        Ok(Self {
            topic: topic.to_owned(),
            partition,
            correlation_id,
            dialect,
            lane: match received.header(header::GATHER) {
                Some(_) if dialect.is_own() => Lane::Gathering,
                _ => Lane::Swift,
            },
        })
    }
}

/// Where replies may go: `reply.*`, `*.reply` and what the operator names. Otherwise a writer of
/// requests could make a service write anywhere.
fn is_reply_topic(topic: &str, named: &[String]) -> bool {
    topic.starts_with("reply.") || topic.ends_with(".reply") || named.iter().any(|n| n == topic)
}

fn partition(bytes: &[u8]) -> Option<i32> {
    let number = match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) if bytes[0] == 0 => i32::from_be_bytes(bytes),
        _ => std::str::from_utf8(bytes).ok()?.parse().ok()?,
    };
    (number >= 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_go_to_reply_topics_alone() {
        let named = ["answers".to_owned()];
        for good in ["reply.gateway", "user.find.reply", "answers"] {
            assert!(is_reply_topic(good, &named), "{good}");
        }
        for bad in [
            "user.find",
            "notification.send.email",
            "replyx",
            "reply",
            "",
        ] {
            assert!(!is_reply_topic(bad, &named), "{bad}");
        }
    }

    #[test]
    fn a_partition_is_four_bytes_or_decimal_text() {
        assert_eq!(partition(&[0, 0, 0, 7]), Some(7));
        assert_eq!(partition(&[0, 1, 0, 0]), Some(65536));
        assert_eq!(partition(b"7"), Some(7));
        assert_eq!(partition(b"1024"), Some(1024));
        for bad in [&b""[..], b"-1", b"x", &[255, 255, 255, 255], &[0, 0, 7]] {
            assert_eq!(partition(bad), None, "{bad:?}");
        }
    }
}
