//! The `grpc-timeout` header: 1 to 8 digits and a unit
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tonic::Status;

/// The name of the header.
pub const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// The longest value that can be written: 8 digits.
const MOST_DIGITS: u64 = 99_999_999;

/// The same with its unit, in bytes.
const MOST_BYTES: usize = 9;

/// Reads a timeout in any of gRPC's units. `None` where it is not one.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// Writes a timeout in milliseconds, or in seconds where it is too long for that.
#[must_use]
pub fn format(timeout: Duration) -> HeaderValue {
    let (mut value, unit) = match u64::try_from(timeout.as_millis()) {
        Ok(millis) if millis <= MOST_DIGITS => (millis, b'm'),
        _ => (timeout.as_secs().min(MOST_DIGITS), b'S'),
    };
    // By hand, since each call that leaves has one, and `format!` takes several times as long.
    let mut text = [unit; MOST_BYTES];
    let mut begin = MOST_BYTES - 1;
    loop {
        begin -= 1;
        text[begin] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 || begin == 0 {
            break;
        }
    }
    HeaderValue::from_bytes(&text[begin..]).unwrap_or(HeaderValue::from_static("0m"))
}

/// The status for a header that is no timeout.
#[must_use]
pub fn malformed() -> Status {
    Status::invalid_argument("grpc-timeout is not 1 to 8 digits and one of H, M, S, m, u, n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000u64),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("1500m", 1_500_000_000),
            ("1500000u", 1_500_000_000),
            ("7n", 7),
            ("0m", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for text in [
            "",
            "m",
            "1",
            "1x",
            "-1m",
            "1.5S",
            "123456789m",
            "+1m",
            " 1m",
            "1µ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, 1, 1500, 99_999_999] {
            let timeout = Duration::from_millis(millis);
            let text = format(timeout);
            assert_eq!(text, format!("{millis}m"));
            assert_eq!(parse(text.to_str().unwrap()), Some(timeout));
        }
        assert_eq!(format(Duration::from_secs(200_000)), "200000S");
        assert_eq!(format(Duration::MAX), "99999999S");
    }
}
