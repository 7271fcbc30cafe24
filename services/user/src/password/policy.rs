//! Which passwords are taken.
//!
//! Length and a list of what attackers try first, after NIST SP 800-63B, 3.1.1.2. No rules of
//! composition: they make people choose `Password1!`.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::email::Email;
use crate::error::Violation;

/// As few characters as a password may have.
pub const MIN_CHARS: usize = 8;

/// As many characters as a password may have: enough for any phrase, few enough to carry about.
pub const MAX_CHARS: usize = 256;

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().collect());

/// Checks a new password of the user `name` with the address `email`; where these are not valid
/// themselves they are left out. The bytes are kept as they are, spaces included.
///
/// # Errors
/// Why it is refused.
pub fn check(password: &str, name: Option<&str>, email: Option<&Email>) -> Result<(), Violation> {
    let refuse = |reason, description: &str| {
        Err(Violation {
            field: "password",
            reason,
            description: description.into(),
        })
    };
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        return refuse("PASSWORD_TOO_SHORT", "at least 8 characters");
    }
    if chars > MAX_CHARS {
        return refuse("PASSWORD_TOO_LONG", "at most 256 characters");
    }
    if password.contains('\0') {
        return refuse("PASSWORD_INVALID", "no NUL characters");
    }
    let folded = password.to_lowercase();
    if COMMON.contains(folded.as_str()) {
        return refuse(
            "PASSWORD_COMMON",
            "this password is among the first that attackers try",
        );
    }
    if is_about(&folded, name, email) {
        return refuse("PASSWORD_PERSONAL", "not your own name or address");
    }
    Ok(())
}

/// Whether a lower-case password is the user's name or address, or one of their words, perhaps
/// with digits and signs after it.
fn is_about(folded: &str, name: Option<&str>, email: Option<&Email>) -> bool {
    let compact = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    let name = name.unwrap_or_default().to_lowercase();
    let mut own: HashSet<String> = name.split_whitespace().map(compact).collect();
    own.insert(compact(&name));
    if let Some(email) = email {
        let typed = email.as_typed().to_lowercase();
        own.extend([&typed, email.canonical(), email.local_part()].map(compact));
        own.extend(email.local_part().split(['.', '_', '-', '+']).map(compact));
    }
    own.remove("");
    let tail = |c: char| !c.is_alphabetic();
    own.contains(&compact(folded)) || own.contains(&compact(folded.trim_end_matches(tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(password: &str) -> Option<&'static str> {
        let email = Email::parse("Ada.Byron@example.com").unwrap();
        check(password, Some("Ada Lovelace"), Some(&email))
            .err()
            .map(|violation| violation.reason)
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(reason("öäüß€zÿ"), Some("PASSWORD_TOO_SHORT"));
        assert_eq!(reason("öäüß€zÿ9"), None);
        assert_eq!(reason(&"€x".repeat(128)), None);
        assert_eq!(reason(&"€x".repeat(129)), Some("PASSWORD_TOO_LONG"));
    }

    #[test]
    fn passwords_that_are_refused() {
        for common in [
            "password",
            "PassWord1",
            "qwertyuiop",
            "12345678",
            "iloveyou",
            "Summer2024",
        ] {
            assert_eq!(reason(common), Some("PASSWORD_COMMON"), "{common}");
        }
        for own in [
            "Ada Lovelace",
            "adalovelace",
            "LOVELACE",
            "lovelace1815!",
            "ada.byron@example.com",
            "Ada.Byron",
            "adabyron99",
        ] {
            assert_eq!(reason(own), Some("PASSWORD_PERSONAL"), "{own}");
        }
        assert_eq!(reason("correct\0horse"), Some("PASSWORD_INVALID"));
    }

    #[test]
    fn passwords_that_are_taken() {
        for good in [
            "correct horse",
            "  spaces around  ",
            "lovelace and the engine",
            "пароль-мой-7",
        ] {
            assert_eq!(reason(good), None, "{good}");
        }
    }

    #[test]
    fn the_list_is_long_sorted_and_to_the_point() {
        let lines: Vec<&str> = include_str!("common.txt").lines().collect();
        assert!(lines.len() >= 3000, "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a < b));
        for line in lines {
            assert!(
                line.len() >= MIN_CHARS && line == line.to_lowercase(),
                "{line:?}"
            );
        }
    }
}
