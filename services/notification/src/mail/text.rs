//! The words of a mail: names, subjects and bodies.

use thiserror::Error;

/// Longest name in characters.
const MAX_NAME: usize = 100;
/// Longest subject in characters.
const MAX_SUBJECT: usize = 200;
/// Longest body in bytes: above what the contract allows in characters, below what servers take.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// What a person is called: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// What a mail is about: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

/// Text or HTML, whose lines end with CR LF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(String);

/// A name cannot stand in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "1 to {MAX_NAME} characters on one line, without control characters and direction overrides"
)]
pub struct NameError;

/// A subject cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("1 to {MAX_SUBJECT} characters on one line, without control characters")]
pub struct SubjectError;

/// A body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("1 to {MAX_BODY} bytes, without control characters other than tab and line ends")]
pub struct BodyError;

// === impl DisplayName ===

impl DisplayName {
    /// Reads a name; blanks at its ends are dropped.
    ///
    /// # Errors
    /// Empty, too long, or with characters that would leave the line or turn its direction.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let fits = (1..=MAX_NAME).contains(&text.chars().count());
        if !fits || text.contains(leaves_the_line) || text.contains(turns_direction) {
            return Err(NameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a mail program may turn a part of the name into a link or an address.
    ///
    /// Anybody can register with somebody else's address, so a name could advertise a site to
    /// whoever owns the address. Such a name is not repeated in mails.
    #[must_use]
    pub fn looks_like_a_link(&self) -> bool {
        let name = self.0.as_str();
        let domain = name.split_whitespace().any(|word| {
            word.split('.')
                .skip(1)
                .any(|label| label.chars().take_while(|c| c.is_alphanumeric()).count() > 1)
        });
        domain || name.contains(['/', '@', ':', '\\'])
    }
}

// === impl Subject ===

impl Subject {
    /// Reads a subject; blanks at its ends are dropped.
    ///
    /// # Errors
    /// Empty, too long, or not one line.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let text = text.trim_matches(' ');
        let fits = (1..=MAX_SUBJECT).contains(&text.chars().count());
        if !fits || text.contains(leaves_the_line) {
            return Err(SubjectError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Body ===

impl Body {
    /// Reads a body. CR, LF and CR LF each end a line and become CR LF: a lone CR or LF around a
    /// dot would end the mail for some servers and not for others, and smuggle a second one.
    ///
    /// # Errors
    /// Empty, too long, or with control characters other than tab and line ends.
    pub fn parse(text: &str) -> Result<Self, BodyError> {
        let control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
        if text.is_empty() || text.len() > MAX_BODY || text.contains(control) {
            return Err(BodyError);
        }
        Ok(Self(
            text.replace("\r\n", "\n")
                .replace('\r', "\n")
                .replace('\n', "\r\n"),
        ))
    }

    /// The body.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and the line and paragraph separators of Unicode.
fn leaves_the_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Marks that make text read in another order than it is written.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_letters_quotes_and_emoji() {
        for name in [
            "Ada",
            "O'Brien, \"Bob\"",
            "李小龍",
            "🚎",
            "Zoë <3",
            "J.R.R. T",
        ] {
            assert_eq!(DisplayName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(DisplayName::parse("  Ada ").unwrap().as_str(), "Ada");
    }

    #[test]
    fn names_that_leave_the_line_or_turn_it_are_refused() {
        for name in [
            "",
            "  ",
            "A\r\nBcc: e@e.example",
            "A\nB",
            "A\rB",
            "A\0",
            "A\u{2028}B",
            "A\u{202e}B",
            "A\u{85}B",
        ] {
            assert_eq!(DisplayName::parse(name), Err(NameError), "{name:?}");
        }
        assert!(DisplayName::parse(&"a".repeat(100)).is_ok());
        assert!(DisplayName::parse(&"a".repeat(101)).is_err());
    }

    #[test]
    fn names_that_a_mail_program_would_link_are_noticed() {
        for name in [
            "visit evil.example",
            "https://x",
            "a@b",
            "win at evil.example!",
            "www.evil.example/a",
        ] {
            assert!(
                DisplayName::parse(name).unwrap().looks_like_a_link(),
                "{name}"
            );
        }
        for name in ["Ada Lovelace", "J.R.R. Tolkien", "Dr. Who", "Ada.", "..."] {
            assert!(
                !DisplayName::parse(name).unwrap().looks_like_a_link(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(Subject::parse("Hello 🚎").unwrap().as_str(), "Hello 🚎");
        for subject in [
            "",
            "   ",
            "Hi\r\nBcc: e@e.example",
            "Hi\nX: y",
            "Hi\tyou",
            "Hi\0",
            "a\u{2029}b",
        ] {
            assert_eq!(Subject::parse(subject), Err(SubjectError), "{subject:?}");
        }
        assert!(Subject::parse(&"é".repeat(200)).is_ok());
        assert!(Subject::parse(&"é".repeat(201)).is_err());
    }

    #[test]
    fn a_body_is_text_with_line_ends() {
        assert_eq!(
            Body::parse("a\n\tb\r\nc\rd").unwrap().as_str(),
            "a\r\n\tb\r\nc\r\nd"
        );
        for body in ["", "a\0b", "a\u{1b}[31m", "a\u{7f}"] {
            assert_eq!(Body::parse(body), Err(BodyError), "{body:?}");
        }
        assert!(Body::parse(&"a".repeat(MAX_BODY + 1)).is_err());
    }
}
