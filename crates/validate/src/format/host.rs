//! Host names (RFC 1034, with RFC 1123's leading digits), alone and with a port.

use super::ip::{is_ip, is_ipv4, is_ipv6};

/// Longest name, without a final dot.
const MAX_NAME: usize = 253;
/// Longest part between dots.
const MAX_LABEL: usize = 63;

/// A name of labels; it may end with a dot, and its last label is not all digits, so that an
/// address is no name.
pub(crate) fn is_hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= MAX_NAME
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters, digits and inner dashes.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LABEL
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A name or an address.
pub(crate) fn is_address(text: &str) -> bool {
    is_hostname(text) || is_ip(text)
}

/// A name or an address, a colon and a port; an IPv6 address stands in brackets.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'));
    let good_host = match bracketed {
        Some(inner) => is_ipv6(inner),
        None => is_hostname(host) || is_ipv4(host),
    };
    good_host && is_port(port)
}

/// A number up to 65535 without leading zeros.
fn is_port(text: &str) -> bool {
    super::ip::is_decimal(text) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for text in [
            "a",
            "A-1.example",
            "example.com.",
            "1.a",
            "xn--bcher-kva.example",
            "a.1a",
        ] {
            assert!(is_hostname(text), "{text}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "127.0.0.1",
            "a.1",
            "1",
            "é",
            "a b",
            "a..",
            ".a",
        ] {
            assert!(!is_hostname(text), "{text}");
        }
        let long = format!("{}a", "a.".repeat(126));
        assert!(is_hostname(&long) && !is_hostname(&format!("{long}b")));
        assert!(is_hostname(&"a".repeat(63)) && !is_hostname(&"a".repeat(64)));
    }

    #[test]
    fn addresses() {
        for text in ["a.b", "127.0.0.1", "::1"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "256.0.0.1", ":::", "a_b"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn hosts_with_ports() {
        for text in [
            "a:0",
            "example.com:65535",
            "127.0.0.1:80",
            "[::1]:443",
            "[fe80::1%en0]:1",
        ] {
            assert!(is_host_and_port(text), "{text}");
        }
        for text in [
            "",
            ":",
            "a",
            "a:",
            ":1",
            "a:65536",
            "a:01",
            "a:+1",
            "::1:80",
            "[::1]",
            "[::1]80",
            "[a]:1",
            "[127.0.0.1]:1",
            "a:1:1",
            "[::1:1",
            "a: 1",
        ] {
            assert!(!is_host_and_port(text), "{text}");
        }
    }
}
