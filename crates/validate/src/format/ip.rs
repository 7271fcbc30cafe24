//! IP addresses (RFC 4291, with zones as RFC 4007 has them) and prefixes (RFC 4632).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether the bits past the prefix must be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HostBits {
    Any,
    Zero,
}

pub(crate) fn is_ip(text: &str) -> bool {
    is_ipv4(text) || is_ipv6(text)
}

/// Four decimal numbers without leading zeros.
pub(crate) fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// Any form of RFC 4291, and after it a zone: `%` and at least one character but NUL.
pub(crate) fn is_ipv6(text: &str) -> bool {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    address.parse::<Ipv6Addr>().is_ok()
        && zone.is_none_or(|zone| !zone.is_empty() && !zone.contains('\0'))
}

pub(crate) fn is_ip_with_length(text: &str) -> bool {
    is_ipv4_with_length(text) || is_ipv6_with_length(text)
}

pub(crate) fn is_ipv4_with_length(text: &str) -> bool {
    has_v4_length(text, HostBits::Any)
}

pub(crate) fn is_ipv6_with_length(text: &str) -> bool {
    has_v6_length(text, HostBits::Any)
}

pub(crate) fn is_ip_prefix(text: &str) -> bool {
    is_ipv4_prefix(text) || is_ipv6_prefix(text)
}

pub(crate) fn is_ipv4_prefix(text: &str) -> bool {
    has_v4_length(text, HostBits::Zero)
}

pub(crate) fn is_ipv6_prefix(text: &str) -> bool {
    has_v6_length(text, HostBits::Zero)
}

fn has_v4_length(text: &str, host: HostBits) -> bool {
    let Some((address, length)) = split(text, 32) else {
        return false;
    };
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        return false;
    };
    // A shift by all bits leaves none.
    let past = u32::MAX.checked_shr(length).unwrap_or(0);
    host == HostBits::Any || address.to_bits() & past == 0
}

/// Without a zone: a prefix is of no one link.
fn has_v6_length(text: &str, host: HostBits) -> bool {
    let Some((address, length)) = split(text, 128) else {
        return false;
    };
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        return false;
    };
    let past = u128::MAX.checked_shr(length).unwrap_or(0);
    host == HostBits::Any || address.to_bits() & past == 0
}

fn split(text: &str, bits: u32) -> Option<(&str, u32)> {
    let (address, length) = text.split_once('/')?;
    let length = is_decimal(length).then(|| length.parse().ok())??;
    (length <= bits).then_some((address, length))
}

/// Digits without leading zeros.
pub(crate) fn is_decimal(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["0.0.0.0", "255.255.255.255"] {
            assert!(is_ip(text) && is_ipv4(text) && !is_ipv6(text), "{text}");
        }
        for text in [
            "::",
            "::1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::ffff:1.2.3.4",
            "FE80::1%eth0",
            "::1%25",
        ] {
            assert!(is_ip(text) && is_ipv6(text) && !is_ipv4(text), "{text}");
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "256.1.1.1",
            "1.2.3.4 ",
            "0x1.2.3.4",
            ":",
            ":::",
            "1::2::3",
            "12345::",
            "g::",
            "::1%",
            "[::1]",
            "::1/64",
            "1:2:3:4:5:6:7:8::",
            "::1.2.3",
            "::1%\0",
        ] {
            assert!(!is_ip(text), "{text}");
        }
    }

    #[test]
    fn prefixes() {
        for (text, any, zero) in [
            ("10.0.0.0/8", true, true),
            ("10.0.0.1/8", true, false),
            ("0.0.0.0/0", true, true),
            ("1.2.3.4/32", true, true),
            ("1.2.3.4/33", false, false),
            ("1.2.3.4/08", false, false),
            ("1.2.3.4/", false, false),
            ("1.2.3.4", false, false),
            ("::/0", true, true),
            ("2001:db8::/32", true, true),
            ("2001:db8::1/32", true, false),
            ("::1/128", true, true),
            ("::1/129", false, false),
            ("fe80::%en0/64", false, false),
            ("fe80::/64%en0", false, false),
            ("::/4294967296", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_ip_with_length(text), any, "{text}");
            assert_eq!(is_ip_prefix(text), zero, "{text}");
        }
        assert!(is_ipv4_with_length("1.2.3.4/8") && !is_ipv6_with_length("1.2.3.4/8"));
        assert!(is_ipv6_prefix("::/8") && !is_ipv4_prefix("::/8"));
    }
}
