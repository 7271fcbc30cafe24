//! Fully qualified Protobuf names.

pub(crate) fn is_qualified(text: &str) -> bool {
    text.split('.').all(is_identifier)
}

pub(crate) fn is_dot_qualified(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(is_qualified)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for text in ["a", "a.b_1.C", "_"] {
            assert!(is_qualified(text), "{text}");
            assert!(is_dot_qualified(&format!(".{text}")), "{text}");
        }
        for text in ["", ".", "a.", "1a", "a..b", "a-b", "é", "a b"] {
            assert!(!is_qualified(text), "{text}");
            assert!(!is_dot_qualified(&format!(".{text}")), "{text}");
        }
    }
}
