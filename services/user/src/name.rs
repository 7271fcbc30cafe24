//! What users are called.

use crate::error::Violation;
use crate::text::{is_bidi_control, is_invisible};

/// As many characters as a name may have.
pub const MAX_CHARS: usize = 100;

/// Reads a name: without white space around it, 1 to 100 characters, something to see, and nothing
/// that breaks the line or reorders the text around it.
///
/// Joiners and variation selectors may occur: emoji and several scripts are written with them.
///
/// # Errors
/// What is wrong with it.
pub fn parse(typed: &str) -> Result<String, Violation> {
    let name = typed.trim();
    let refuse = |reason, description: &str| {
        Err(Violation {
            field: "name",
            reason,
            description: description.into(),
        })
    };
    if name.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return refuse("NAME_EMPTY", "give a name");
    }
    if name.chars().count() > MAX_CHARS {
        return refuse("NAME_TOO_LONG", "at most 100 characters");
    }
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if name.chars().any(|c| breaks(c) || is_bidi_control(c)) {
        return refuse("NAME_INVALID", "no control or direction characters");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken() {
        for (typed, name) in [
            (" Ada Lovelace ", "Ada Lovelace"),
            ("李", "李"),
            ("محمد", "محمد"),
            ("Nguyễn Văn A", "Nguyễn Văn A"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("O'Brien <b>", "O'Brien <b>"),
        ] {
            assert_eq!(parse(typed).as_deref(), Ok(name));
        }
        assert!(parse(&"ж".repeat(100)).is_ok());
    }

    #[test]
    fn names_that_are_refused() {
        let long = "x".repeat(101);
        for (typed, reason) in [
            ("", "NAME_EMPTY"),
            (" \t ", "NAME_EMPTY"),
            ("\u{200b}\u{3164}", "NAME_EMPTY"),
            (long.as_str(), "NAME_TOO_LONG"),
            ("Ada\0", "NAME_INVALID"),
            ("Ada\r\nBcc: x", "NAME_INVALID"),
            ("Ada\u{202e}", "NAME_INVALID"),
            ("A\u{2028}da", "NAME_INVALID"),
        ] {
            assert_eq!(parse(typed).unwrap_err().reason, reason, "{typed:?}");
        }
    }
}
