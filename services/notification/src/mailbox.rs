//! Captured mails, for development.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use crate::mail::Letter;

pub mod page;

/// How many mails are kept.
const MAX_MAILS: usize = 200;
/// How many bytes of text and HTML are kept, beside the latest mail, which is kept whatever its size.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The mails that were captured last. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Mailbox {
    state: Arc<Mutex<State>>,
}

/// A mail that would have been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedMail {
    /// Counts the mails of this process from 1.
    pub id: u64,
    /// Its `Message-ID`.
    pub message_id: String,
    /// When it was written.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// The sender.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML alternative.
    pub html: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    mails: VecDeque<Arc<CapturedMail>>,
    bytes: usize,
    last_id: u64,
}

// === impl Mailbox ===

impl Mailbox {
    /// All mails that are kept, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<CapturedMail>> {
        self.state.lock().mails.iter().rev().cloned().collect()
    }

    /// One mail, if it is still kept.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<CapturedMail>> {
        self.state
            .lock()
            .mails
            .iter()
            .find(|mail| mail.id == id)
            .cloned()
    }

    pub(crate) fn capture(&self, letter: &Letter) {
        let mail = &letter.mail;
        let mut state = self.state.lock();
        state.last_id += 1;
        let captured = CapturedMail {
            id: state.last_id,
            message_id: letter.id.to_string(),
            // Out of range only before the year -9999.
            time: Timestamp::try_from(letter.at).unwrap_or(Timestamp::UNIX_EPOCH),
            from: letter.from.to_string(),
            to: mail.to.correspondent().to_string(),
            subject: mail.subject.as_str().to_owned(),
            text: mail.text.as_str().to_owned(),
            html: mail.html.as_ref().map(|html| html.as_str().to_owned()),
        };
        state.bytes += captured.size();
        state.mails.push_back(Arc::new(captured));
        while state.mails.len() > MAX_MAILS || (state.bytes > MAX_BYTES && state.mails.len() > 1) {
            let oldest = state.mails.pop_front();
            state.bytes -= oldest.map_or(0, |mail| mail.size());
        }
    }
}

// === impl CapturedMail ===

impl CapturedMail {
    fn size(&self) -> usize {
        self.text.len() + self.html.as_ref().map_or(0, String::len)
    }
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::mail::{Body, Mail, MessageId, Recipient, Subject};

    fn letter(text: &str) -> Letter {
        Letter {
            id: MessageId::of_event("e1", "trolleybus.example"),
            at: SystemTime::UNIX_EPOCH,
            from: "Trolleybus <no-reply@trolleybus.example>".parse().unwrap(),
            mail: Mail {
                to: Recipient::parse("ada@example.com").unwrap(),
                subject: Subject::parse("Hello").unwrap(),
                text: Body::parse(text).unwrap(),
                html: None,
            },
        }
    }

    #[test]
    fn mails_are_listed_newest_first_and_found_by_id() {
        let mailbox = Mailbox::default();
        mailbox.capture(&letter("one"));
        mailbox.clone().capture(&letter("two"));
        let texts: Vec<_> = mailbox
            .list()
            .iter()
            .map(|mail| mail.text.clone())
            .collect();
        assert_eq!(texts, ["two", "one"]);
        assert_eq!(mailbox.get(1).unwrap().text, "one");
        assert!(mailbox.get(3).is_none());
    }

    #[test]
    fn the_oldest_make_room() {
        let mailbox = Mailbox::default();
        for _ in 0..MAX_MAILS + 5 {
            mailbox.capture(&letter("x"));
        }
        assert_eq!(mailbox.list().len(), MAX_MAILS);
        assert!(mailbox.get(5).is_none() && mailbox.get(6).is_some());
    }

    #[test]
    fn large_mails_make_room_by_size() {
        let mailbox = Mailbox::default();
        let large = "x".repeat(2 * 1024 * 1024);
        for _ in 0..20 {
            mailbox.capture(&letter(&large));
        }
        assert_eq!(mailbox.list().len(), MAX_BYTES / large.len());
        assert_eq!(mailbox.state.lock().bytes, MAX_BYTES);
    }
}
