//! HTTP header names and values (RFC 9110, section 5), as the rules' contract spells them.

/// A token, after a colon if it is a pseudo-header. The contract's range from `+` to `.` lets the
/// comma through.
pub(crate) fn is_name(text: &str) -> bool {
    let token = text.strip_prefix(':').unwrap_or(text);
    !token.is_empty()
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+,-.^_|~`".contains(&byte))
}

/// Anything but NUL, CR and LF.
pub(crate) fn is_loose_name(text: &str) -> bool {
    !text.is_empty() && is_loose_value(text)
}

/// No control character but the tab.
pub(crate) fn is_value(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| byte != b'\t' && byte.is_ascii_control())
}

/// Anything but NUL, CR and LF.
pub(crate) fn is_loose_value(text: &str) -> bool {
    !text.contains(['\0', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for text in ["x-request-id", ":path", "A!#$%&'*+-.^_|~`9"] {
            assert!(is_name(text) && is_loose_name(text), "{text}");
        }
        for text in ["a b", "a:b", "::a", "a/b", "é", "a@"] {
            assert!(!is_name(text) && is_loose_name(text), "{text}");
        }
        for text in ["", "a\0", "a\r", "a\n"] {
            assert!(!is_name(text) && !is_loose_name(text), "{text:?}");
        }
        assert!(!is_name(":"));
    }

    #[test]
    fn values() {
        for text in ["", "a b", "a\tb", "é", "\u{80}"] {
            assert!(is_value(text) && is_loose_value(text), "{text:?}");
        }
        for text in ["\u{1}", "\u{7f}"] {
            assert!(!is_value(text) && is_loose_value(text), "{text:?}");
        }
        for text in ["a\0", "a\r", "a\nb"] {
            assert!(!is_value(text) && !is_loose_value(text), "{text:?}");
        }
    }
}
