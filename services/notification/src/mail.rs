//! Mails: every part of one is parsed, so that nothing a caller wrote can become a header, a
//! command of SMTP or a second recipient.

use std::time::SystemTime;

use lettre::address::Envelope;
use lettre::message::{Mailbox as Correspondent, MultiPart, SinglePart};

mod address;
mod id;
mod text;

pub use address::{Recipient, RecipientError};
pub use id::MessageId;
pub use text::{Body, BodyError, DisplayName, NameError, Subject, SubjectError};

/// A mail as a use case writes it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// To whom.
    pub to: Recipient,
    /// One line.
    pub subject: Subject,
    /// The plain text.
    pub text: Body,
    /// The HTML alternative.
    pub html: Option<Body>,
}

/// A mail that can be handed over.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its identity: the same each time that one event is handled.
    pub id: MessageId,
    /// When it was written.
    pub at: SystemTime,
    /// Who sends it.
    pub from: Correspondent,
    /// What is sent.
    pub mail: Mail,
}

// === impl Letter ===

impl Letter {
    /// The addresses of SMTP and the message of [RFC 5322](https://www.rfc-editor.org/rfc/rfc5322).
    #[must_use]
    pub fn message(&self) -> lettre::Message {
        let Mail {
            to,
            subject,
            text,
            html,
        } = &self.mail;
        let recipients = vec![to.address().clone()];
        let envelope =
            Envelope::new(Some(self.from.email.clone()), recipients).expect("there is a recipient");
        let builder = lettre::Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(to.correspondent())
            .subject(subject.as_str())
            .date(self.at)
            .message_id(Some(self.id.to_string()));
        let text = text.as_str().to_owned();
        let message = match html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(
                text,
                html.as_str().to_owned(),
            )),
            None => builder.singlepart(SinglePart::plain(text)),
        };
        message.expect("one sender and an envelope are given")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(name: Option<&str>, subject: &str, text: &str) -> String {
        let name = name.map(|name| DisplayName::parse(name).unwrap());
        let letter = Letter {
            id: MessageId::of_event("0190-a", "trolleybus.example"),
            at: SystemTime::UNIX_EPOCH,
            from: "Trolleybus <no-reply@trolleybus.example>".parse().unwrap(),
            mail: Mail {
                to: Recipient::parse("ada@example.com").unwrap().named(name),
                subject: Subject::parse(subject).unwrap(),
                text: Body::parse(text).unwrap(),
                html: None,
            },
        };
        String::from_utf8(letter.message().formatted()).unwrap()
    }

    #[test]
    fn a_letter_has_the_headers_of_a_mail() {
        let message = formatted(Some("Ada"), "Hello", "Good day.");
        assert!(
            message.contains("Message-ID: <0190-a@trolleybus.example>\r\n"),
            "{message}"
        );
        assert!(
            message.contains("To: Ada <ada@example.com>\r\n"),
            "{message}"
        );
        assert!(
            message.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"),
            "{message}"
        );
        assert!(message.ends_with("\r\n\r\nGood day.\r\n"), "{message}");
    }

    #[test]
    fn names_with_quotes_commas_brackets_and_emoji_stay_one_recipient() {
        for name in [
            "O'Brien, \"Bob\"",
            "<eve@evil.example>",
            "🚎 Ada",
            "a\\",
            "=?utf-8?q?x?=",
        ] {
            let message = formatted(Some(name), "Hello", "x");
            let headers = message
                .split("\r\n\r\n")
                .next()
                .unwrap()
                .replace("\r\n ", " ");
            let to = headers
                .lines()
                .find(|line| line.starts_with("To: "))
                .unwrap();
            assert!(to.ends_with(" <ada@example.com>"), "{name}: {to}");
            assert_eq!(
                headers
                    .lines()
                    .filter(|line| line.starts_with("To: "))
                    .count(),
                1
            );
        }
    }

    #[test]
    fn a_long_or_foreign_subject_is_folded_and_encoded() {
        let message = formatted(None, &"é".repeat(200), "x");
        assert!(message.is_ascii());
        assert!(message.lines().all(|line| line.len() <= 78), "{message}");
    }

    #[test]
    fn line_ends_of_a_body_are_those_of_smtp_whatever_they_were() {
        let message = formatted(None, "Hello", "a\r.\r\nQUIT\n.\nb");
        assert!(
            message.ends_with("\r\n\r\na\r\n.\r\nQUIT\r\n.\r\nb\r\n"),
            "{message:?}"
        );
    }
}
