//! Points in time as PASETO writes them: RFC 3339 strings, here in whole seconds of UTC.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::TokenError;

/// `time` as a claim. The part of a second is dropped.
pub(crate) fn format(time: SystemTime) -> Result<String, TokenError> {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| TokenError::Time)?;
    let seconds = i64::try_from(since_epoch.as_secs()).map_err(|_| TokenError::Time)?;
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| TokenError::Time)?
        .format(&Rfc3339)
        .map_err(|_| TokenError::Time)
}

/// A claim as a time; `None` for anything that is not RFC 3339 or lies before 1970.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(time.unix_timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, time.nanosecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn whole_seconds_survive() {
        for seconds in [0, 1, 1_764_000_000, 253_402_300_799] {
            assert_eq!(parse(&format(at(seconds)).unwrap()), Some(at(seconds)));
        }
    }

    #[test]
    fn a_part_of_a_second_is_dropped() {
        let time = at(1_764_000_000) + Duration::from_millis(999);
        assert_eq!(format(time).unwrap(), "2025-11-24T16:00:00Z");
    }

    #[test]
    fn offsets_are_read() {
        assert_eq!(parse("1970-01-01T01:00:10+01:00"), Some(at(10)));
    }

    #[test]
    fn times_that_a_token_cannot_say_are_refused() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(format(before), Err(TokenError::Time));
        assert_eq!(format(at(253_402_300_800)), Err(TokenError::Time));
    }

    #[test]
    fn texts_that_are_no_time_are_refused() {
        for text in [
            "",
            "now",
            "1764000000",
            "2025-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
