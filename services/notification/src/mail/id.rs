//! The identity of a mail.

use std::fmt;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Longest event id that is taken as it is.
const MAX_LEGIBLE: usize = 64;

/// The `Message-ID` of a mail ([RFC 5322](https://www.rfc-editor.org/rfc/rfc5322), 3.6.4), in angle brackets.
///
/// Mails of one event have one id, so that whoever receives both of two can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(String);

// === impl MessageId ===

impl MessageId {
    /// The id of the mail that an event causes: the event's own id where it can stand in a header,
    /// else its hash.
    #[must_use]
    pub fn of_event(event: &str, domain: &str) -> Self {
        let legible = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_LEGIBLE).contains(&event.len()) && event.bytes().all(legible) {
            return Self::new(event, domain);
        }
        let hash = Sha256::digest(event.as_bytes());
        let hex = hash
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string takes every write");
                hex
            });
        Self::new(&hex, domain)
    }

    /// The id of a mail that no event caused.
    #[must_use]
    pub fn unique(id: Uuid, domain: &str) -> Self {
        Self::new(&id.to_string(), domain)
    }

    fn new(local: &str, domain: &str) -> Self {
        // The sender's domain may be configured freely; a header takes it in ASCII only.
        let domain = match domain {
            domain if domain.is_ascii() => domain.to_owned(),
            domain => idna::domain_to_ascii(domain).unwrap_or_else(|_| "localhost".to_owned()),
        };
        Self(format!("<{local}@{domain}>"))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_always_gives_the_same_id() {
        let id = |event| MessageId::of_event(event, "example.com").to_string();
        assert_eq!(id("0190b0c0-1f"), "<0190b0c0-1f@example.com>");
        assert_eq!(id("topic/0/17"), id("topic/0/17"));
        assert_ne!(id("topic/0/17"), id("topic/0/18"));
    }

    #[test]
    fn an_event_id_cannot_leave_its_header() {
        for event in ["", "a>\r\nBcc: eve@evil.example", "é", &"a".repeat(10_000)] {
            let id = MessageId::of_event(event, "example.com").to_string();
            assert_eq!(id.len(), "<@example.com>".len() + 64, "{id}");
            assert!(id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
        }
    }

    #[test]
    fn a_domain_in_another_script_becomes_ascii() {
        let id = MessageId::unique(Uuid::nil(), "bücher.example").to_string();
        assert_eq!(
            id,
            "<00000000-0000-0000-0000-000000000000@xn--bcher-kva.example>"
        );
    }
}
