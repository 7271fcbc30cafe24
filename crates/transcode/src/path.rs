//! Percent-encoding in paths and queries, as `google.api.HttpRule` and RFC 3986 define it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

/// What a client leaves as it is in a path segment: RFC 3986 `unreserved`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Why escaped text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BadEscape {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("`%` must be followed by two hexadecimal digits")]
    Escape,
    /// The bytes are not UTF-8.
    #[error("what is escaped must be UTF-8")]
    Utf8,
    /// NUL, which many stores cannot hold and which ends strings early in others.
    #[error("NUL characters are not accepted")]
    Nul,
}

/// Decodes one path segment. With `keep_slash`, for variables of several segments, `%2F` stays.
pub(crate) fn decode_segment(raw: &str, keep_slash: bool) -> Result<Cow<'_, str>, BadEscape> {
    decode(raw, keep_slash, false)
}

/// Decodes one name or value of a query or form, where `+` is a space.
pub(crate) fn decode_query(raw: &str) -> Result<Cow<'_, str>, BadEscape> {
    decode(raw, false, true)
}

/// Encodes text so that it is one path segment.
pub(crate) fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn decode(raw: &str, keep_slash: bool, plus_is_space: bool) -> Result<Cow<'_, str>, BadEscape> {
    let bytes = raw.as_bytes();
    if bytes.contains(&0) {
        return Err(BadEscape::Nul);
    }
    let Some(first) = bytes
        .iter()
        .position(|b| *b == b'%' || (plus_is_space && *b == b'+'))
    else {
        return Ok(Cow::Borrowed(raw));
    };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'+' if plus_is_space => out.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = rest else {
                    return Err(BadEscape::Escape);
                };
                let (Some(h), Some(l)) = (hex(*high), hex(*low)) else {
                    return Err(BadEscape::Escape);
                };
                match h << 4 | l {
                    0 => return Err(BadEscape::Nul),
                    b'/' if keep_slash => out.extend_from_slice(&[b'%', *high, *low]),
                    decoded => out.push(decoded),
                }
                rest = tail;
            }
            _ => out.push(*byte),
        }
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| BadEscape::Utf8)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_segment_is_decoded_fully_and_a_multi_segment_variable_keeps_the_slash() {
        for (raw, single, multi) in [
            ("abc", "abc", "abc"),
            ("a%20b", "a b", "a b"),
            ("a%2Fb%2fc", "a/b/c", "a%2Fb%2fc"),
            ("%25", "%", "%"),
            ("a+b", "a+b", "a+b"),
            ("%E2%82%AC", "\u{20ac}", "\u{20ac}"),
        ] {
            assert_eq!(decode_segment(raw, false).unwrap(), single, "{raw}");
            assert_eq!(decode_segment(raw, true).unwrap(), multi, "{raw}");
        }
    }

    #[test]
    fn plus_is_a_space_in_a_query_only() {
        assert_eq!(decode_query("a+b%2Bc").unwrap(), "a b+c");
    }

    #[test]
    fn broken_escapes_are_refused() {
        for (raw, error) in [
            ("%", BadEscape::Escape),
            ("%4", BadEscape::Escape),
            ("%zz", BadEscape::Escape),
            ("%+1", BadEscape::Escape),
            ("%ff", BadEscape::Utf8),
            ("%c3%28", BadEscape::Utf8),
            ("%00", BadEscape::Nul),
            ("a\0", BadEscape::Nul),
        ] {
            assert_eq!(decode_segment(raw, false), Err(error), "{raw}");
            assert_eq!(decode_query(raw), Err(error), "{raw}");
        }
    }
}
