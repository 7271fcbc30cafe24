//! URIs and relative references (RFC 3986), with zones in IPv6 hosts (RFC 6874).

use super::ip::is_ipv6;

/// A URI: it has a scheme.
pub(crate) fn is_uri(text: &str) -> bool {
    let Some(rest) = cut_tail(text) else {
        return false;
    };
    let Some((scheme, rest)) = rest.split_once(':') else {
        return false;
    };
    is_scheme(scheme) && is_hierarchy(rest)
}

/// A URI, or a reference relative to one. Of the latter, the first segment has no colon.
pub(crate) fn is_uri_ref(text: &str) -> bool {
    let Some(rest) = cut_tail(text) else {
        return false;
    };
    let first = rest.split('/').next().unwrap_or(rest);
    is_uri(text) || (!first.contains(':') && is_hierarchy(rest))
}

/// Cuts off query and fragment; `None` if either is wrong.
fn cut_tail(text: &str) -> Option<&str> {
    let tail = |part: &str| is_made_of(part, b"-._~!$&'()*+,;=:@/?");
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    (tail(fragment) && tail(query)).then_some(rest)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// An authority and a path, or a path alone.
fn is_hierarchy(text: &str) -> bool {
    let path = match text.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            if !is_authority(authority) {
                return false;
            }
            path
        }
        None => text,
    };
    is_made_of(path, b"-._~!$&'()*+,;=:@/")
}

fn is_authority(text: &str) -> bool {
    let (user, host_port) = text.split_once('@').unwrap_or(("", text));
    if !is_made_of(user, b"-._~!$&'()*+,;=:") {
        return false;
    }
    let (host, port) = match host_port.strip_prefix('[') {
        Some(literal) => {
            let Some((literal, rest)) = literal.split_once(']') else {
                return false;
            };
            if !is_ip_literal(literal) {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => ("", port),
                None if rest.is_empty() => ("", ""),
                None => return false,
            }
        }
        None => host_port.split_once(':').unwrap_or((host_port, "")),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()) && is_registered_name(host)
}

/// What stands in brackets: an IPv6 address, perhaps with a zone after `%25`, or an address of a
/// version to come.
fn is_ip_literal(text: &str) -> bool {
    if let Some(future) = text.strip_prefix(['v', 'V']) {
        return future.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
                && !address.contains('%')
                && is_made_of(address, b"-._~!$&'()*+,;=:")
        });
    }
    match text.split_once('%') {
        None => is_ipv6(text),
        Some((address, zone)) => {
            let zone = zone.strip_prefix("25").unwrap_or("");
            is_ipv6(address) && !zone.is_empty() && is_made_of(zone, b"-._~") && is_utf8(zone)
        }
    }
}

/// A name of any kind; what is escaped in it is UTF-8.
fn is_registered_name(text: &str) -> bool {
    is_made_of(text, b"-._~!$&'()*+,;=") && is_utf8(text)
}

/// Letters, digits, escapes, and what `others` holds.
fn is_made_of(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = if byte == b'%' {
            let mut hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
            hex() && hex()
        } else {
            byte.is_ascii_alphanumeric() || others.contains(&byte)
        };
        if !good {
            return false;
        }
    }
    true
}

/// Whether a text with good escapes is UTF-8 once they are resolved.
fn is_utf8(text: &str) -> bool {
    if !text.contains('%') {
        return true;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut resolved = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (Some(high), Some(low)) =
                (bytes.next().and_then(digit), bytes.next().and_then(digit))
            else {
                return false;
            };
            resolved.push(high * 16 + low);
        } else {
            resolved.push(byte);
        }
    }
    std::str::from_utf8(&resolved).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for text in [
            "https://example.com/a/b?c=d#e",
            "ftp://user:pw@host:21/",
            "mailto:a@b.c",
            "urn:isbn:0451450523",
            "a:",
            "a+-.1://",
            "http://[::1]:80/",
            "http://[fe80::1%25en0]/",
            "http://[v1F.a:b]/",
            "file:///etc/hosts",
            "http://h:/",
            "http://%C3%A4/",
            "a:b//c",
            "data:,%00",
        ] {
            assert!(is_uri(text), "{text}");
            assert!(is_uri_ref(text), "{text}");
        }
    }

    #[test]
    fn relative_references() {
        for text in [
            "",
            "/",
            "a",
            "./a:b",
            "../a?b#c",
            "//host/path",
            "?q",
            "#f",
            "a//b",
            "//[::1]",
        ] {
            assert!(!is_uri(text), "{text}");
            assert!(is_uri_ref(text), "{text}");
        }
    }

    #[test]
    fn neither() {
        for text in [
            " ",
            "http://a b/",
            "http://é/",
            "1a:b",
            ":a",
            "http://h:8a/",
            "http://[::1/",
            "http://[::1]a/",
            "http://[::1%en0]/",
            "http://[::1%25]/",
            "http://[v.a]/",
            "http://[v1.]/",
            "http://[1.2.3.4]/",
            "http://a@b@c/",
            "http://h/%",
            "http://h/%4",
            "http://h/%zz",
            "http://%FF/",
            "http://h/a#b#c",
            "http://h/[",
            "http://h/?a^b",
            "http://h/\\",
            "a\n",
        ] {
            assert!(!is_uri(text), "{text}");
            assert!(!is_uri_ref(text), "{text}");
        }
    }
}
