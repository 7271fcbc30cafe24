//! What an SMTP failure means.

use std::error::Error as _;

use lettre::transport::smtp::Error as SmtpError;

use super::{ConversationError, MailerError};

/// "Service not available, closing transmission channel" ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), 4.2.3).
pub(super) const CLOSING: u16 = 421;
/// Authentication required, too weak, failed, or only over TLS ([RFC 4954](https://www.rfc-editor.org/rfc/rfc4954), 6).
/// Said of the client and not of a mail: once the operator has repaired the settings, the mail passes.
const CREDENTIALS: [u16; 4] = [530, 534, 535, 538];
/// Longest text of a reply that is kept.
const MAX_REPLY: usize = 300;

/// `ascii`: whether the addresses of the mail are in ASCII.
pub(super) fn error(error: ConversationError, ascii: bool) -> MailerError {
    let ConversationError::Smtp(smtp) = &error else {
        return MailerError::Unreachable(error);
    };
    match smtp.status().map(u16::from) {
        Some(code) if CREDENTIALS.contains(&code) => MailerError::Credentials { code },
        Some(code) if smtp.is_permanent() => MailerError::Rejected {
            code,
            reply: text(smtp),
        },
        Some(code) => MailerError::Deferred {
            code,
            reply: text(smtp),
        },
        // lettre's one complaint about the mail itself; its others are about the connection.
        None if smtp.is_client() && !ascii => MailerError::ForeignAddress,
        None => MailerError::Unreachable(error),
    }
}

/// The text of a reply on one line, without the addresses that servers like to repeat.
fn text(error: &SmtpError) -> String {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    tidy(&text)
}

fn tidy(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        if word.contains('@') {
            "[address]".to_owned()
        } else {
            word
        }
    });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_REPLY)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_kept_without_addresses_and_control_characters() {
        let reply = "5.1.1 <ada@example.com>: no\u{1b}[31m such\r\n user";
        assert_eq!(tidy(reply), "5.1.1 [address] no[31m such user");
        assert_eq!(tidy(&"x".repeat(1000)).len(), MAX_REPLY);
    }
}
