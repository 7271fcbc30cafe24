//! UUIDs (RFC 9562) and ULIDs, as text.

/// Where a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| {
            if DASHES.contains(&place) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

pub(crate) fn is_trimmed_uuid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// 26 characters of Crockford's base 32 in either case; the first is at most 7, since there are
/// 128 bits.
pub(crate) fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.starts_with(|first: char| ('0'..='7').contains(&first))
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() && !b"ILOU".contains(&byte.to_ascii_uppercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids() {
        assert!(is_uuid("0190b6a4-7C3e-7000-8000-0123456789aB"));
        assert!(is_trimmed_uuid("0190b6a47C3e700080000123456789aB"));
        for text in [
            "",
            "0190b6a4-7c3e-7000-8000-0123456789a",
            "0190b6a4-7c3e-7000-8000-0123456789abc",
            "0190b6a4_7c3e-7000-8000-0123456789ab",
            "{190b6a4-7c3e-7000-8000-0123456789a}",
            "g190b6a4-7c3e-7000-8000-0123456789ab",
            "0190b6a47-c3e-7000-8000-0123456789ab",
        ] {
            assert!(!is_uuid(text), "{text}");
            assert!(!is_trimmed_uuid(text), "{text}");
        }
    }

    #[test]
    fn ulids() {
        for text in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "7zzzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert!(is_ulid(text), "{text}");
        }
        for text in [
            "",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "01ARZ3NDEKTSV4RRFFQ69G5FAU",
            "01ARZ3NDEKTSV4RRFFQ69G5FAVV",
            "01ARZ3NDEKTSV4RRFFQ69G5FA-",
        ] {
            assert!(!is_ulid(text), "{text}");
        }
    }
}
