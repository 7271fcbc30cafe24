//! Timestamps and durations as ProtoJSON writes them. Only those are printed that are in their range, and
//! of text only the usual forms are read: offsets from UTC, more than nine digits of a second and the like
//! are left to prost.

const SECONDS_OF_DAY: i64 = 86_400;
const NANOS_OF_SECOND: i32 = 1_000_000_000;

/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Some 10,000 years, both ways.
const LONGEST_DURATION: i64 = 315_576_000_000;

/// Days before 1970-01-01, counted from the first of March of the year zero: then leap days come
/// last in a year.
const DAYS_TO_EPOCH: i64 = 719_468;
/// Days of 400 years, after which the calendar is the same again.
const DAYS_OF_ERA: i64 = 146_097;

pub(crate) fn print_timestamp(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> Option<()> {
    if !TIMESTAMPS.contains(&seconds) || !(0..NANOS_OF_SECOND).contains(&nanos) {
        return None;
    }
    let (year, month, day) = date(seconds.div_euclid(SECONDS_OF_DAY));
    let second = seconds.rem_euclid(SECONDS_OF_DAY);
    out.push(b'"');
    digits::<4>(out, year);
    for (before, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        out.push(before);
        digits::<2>(out, value);
    }
    fraction(out, nanos);
    out.extend_from_slice(b"Z\"");
    Some(())
}

pub(crate) fn print_duration(out: &mut Vec<u8>, seconds: i64, nanos: i32) -> Option<()> {
    let same_sign = seconds.signum() * i64::from(nanos.signum()) >= 0;
    if !(-LONGEST_DURATION..=LONGEST_DURATION).contains(&seconds)
        || nanos.unsigned_abs() >= NANOS_OF_SECOND.unsigned_abs()
        || !same_sign
    {
        return None;
    }
    out.push(b'"');
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    serde_json::to_writer(&mut *out, &seconds.abs()).ok()?;
    fraction(out, nanos.abs());
    out.extend_from_slice(b"s\"");
    Some(())
}

/// `YYYY-MM-DDTHH:MM:SSZ`, with up to nine digits of a second.
pub(crate) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let (date, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let nanos = parse_fraction(rest.strip_suffix(b"Z")?)?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
    ] = date
    else {
        return None;
    };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let (month, day) = (number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let (hour, minute) = (number(&[*h0, *h1])?, number(&[*n0, *n1])?);
    let second = number(&[*s0, *s1])?;
    if year < 1 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day)? * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second;
    Some((seconds, nanos))
}

/// Whole seconds and up to nine digits: `1.5s`.
pub(crate) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let bytes = text.as_bytes().strip_suffix(b"s")?;
    let (bytes, sign) = match bytes.strip_prefix(b"-") {
        Some(rest) => (rest, -1),
        None => (bytes, 1),
    };
    let point = bytes.iter().position(|b| *b == b'.');
    let (whole, rest) = bytes.split_at_checked(point.unwrap_or(bytes.len()))?;
    // More digits than the longest has.
    if whole.is_empty() || whole.len() > 12 {
        return None;
    }
    let seconds = number(whole).filter(|seconds| *seconds <= LONGEST_DURATION)?;
    Some((sign * seconds, sign as i32 * parse_fraction(rest)?))
}

/// Nothing, or a point and digits.
fn parse_fraction(bytes: &[u8]) -> Option<i32> {
    let Some(point) = bytes.first() else {
        return Some(0);
    };
    let digits = bytes.get(1..)?;
    if *point != b'.' || digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let scale = 10_i64.pow(9 - digits.len() as u32);
    i32::try_from(number(digits)? * scale).ok()
}

/// Digits only, few enough for 64 bits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// Nothing, or as many of 3, 6 and 9 digits as it takes.
fn fraction(out: &mut Vec<u8>, nanos: i32) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    let nanos = i64::from(nanos);
    if nanos % 1_000_000 == 0 {
        digits::<3>(out, nanos / 1_000_000);
    } else if nanos % 1_000 == 0 {
        digits::<6>(out, nanos / 1_000);
    } else {
        digits::<9>(out, nanos);
    }
}

fn digits<const N: usize>(out: &mut Vec<u8>, mut value: i64) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text);
}

/// Year, month and day of a day since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_TO_EPOCH;
    let (era, day) = (day.div_euclid(DAYS_OF_ERA), day.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse; `None` where there is no such day. Source: the same, `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let from_march = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = era * DAYS_OF_ERA + of_era - DAYS_TO_EPOCH;
    // A day that does not exist is another one.
    (date(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_reflect::{DescriptorPool, DynamicMessage, Value};

    use super::*;
    use crate::wkt;

    fn described(name: &str) -> prost_reflect::MessageDescriptor {
        DescriptorPool::global().get_message_by_name(name).unwrap()
    }

    fn message(name: &str, seconds: i64, nanos: i32) -> DynamicMessage {
        let mut message = DynamicMessage::new(described(name));
        message.set_field_by_name("seconds", Value::I64(seconds));
        message.set_field_by_name("nanos", Value::I32(nanos));
        message
    }

    fn parts(message: &DynamicMessage) -> (i64, i32) {
        let part = |name| message.get_field_by_name(name).unwrap().into_owned();
        (
            part("seconds").as_i64().unwrap(),
            part("nanos").as_i32().unwrap(),
        )
    }

    type Print = fn(&mut Vec<u8>, i64, i32) -> Option<()>;

    fn same_text(name: &str, print: Print, seconds: i64, nanos: i32) -> bool {
        let mut out = Vec::new();
        let printed = print(&mut out, seconds, nanos).is_some();
        if printed {
            let theirs = serde_json::to_string(&message(name, seconds, nanos));
            assert_eq!(String::from_utf8(out).unwrap(), theirs.unwrap());
        }
        printed
    }

    type Parse = fn(&str) -> Option<(i64, i32)>;

    fn same_parts(name: &str, parse: Parse, text: &str) -> bool {
        let parsed = parse(text);
        if let Some(ours) = parsed {
            let theirs = wkt::from_text(&described(name), text);
            let theirs = theirs.unwrap_or_else(|| panic!("{text} was accepted"));
            assert_eq!(ours, parts(&theirs), "{text}");
        }
        parsed.is_some()
    }

    const TIMESTAMP: &str = "google.protobuf.Timestamp";
    const DURATION: &str = "google.protobuf.Duration";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn timestamps_are_those_of_prost(
            seconds in -62_135_596_900..=253_402_300_900_i64,
            nanos in prop_oneof![Just(0), Just(500_000_000), Just(1_000), -5..1_000_000_005],
        ) {
            let good = TIMESTAMPS.contains(&seconds) && (0..NANOS_OF_SECOND).contains(&nanos);
            prop_assert_eq!(same_text(TIMESTAMP, print_timestamp, seconds, nanos), good);
            if good {
                let text = serde_json::to_value(message(TIMESTAMP, seconds, nanos)).unwrap();
                prop_assert!(same_parts(TIMESTAMP, parse_timestamp, text.as_str().unwrap()));
            }
        }

        #[test]
        fn durations_are_those_of_prost(
            seconds in prop_oneof![-3..3_i64, -315_576_000_001..=315_576_000_001_i64],
            nanos in prop_oneof![Just(0), -3..3_i32, Just(500_000), -1_000_000_005..1_000_000_005],
        ) {
            let printed = same_text(DURATION, print_duration, seconds, nanos);
            if printed {
                let text = serde_json::to_value(message(DURATION, seconds, nanos)).unwrap();
                prop_assert!(same_parts(DURATION, parse_duration, text.as_str().unwrap()));
            }
        }

        #[test]
        fn no_other_text_is_read(
            text in "[-+]?[0-9]{0,2}0[0-9]{1,2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-9]{2}:[0-6][0-9](\\.[0-9]{0,11})?(Z|z|\\+01:00|)",
            lasts in "[-+]?[0-9]{0,13}(\\.[0-9]{0,11})?s?",
        ) {
            same_parts(TIMESTAMP, parse_timestamp, &text);
            same_parts(DURATION, parse_duration, &lasts);
        }
    }

    #[test]
    fn days_that_do_not_exist_are_not_read() {
        for text in [
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-00-10T00:00:00Z",
            "2024-13-10T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01t00:00:00Z",
            "2024-01-01T00:00:00",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        for text in [
            "2024-02-29T00:00:00Z",
            "2000-02-29T23:59:59.123Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            assert!(same_parts(TIMESTAMP, parse_timestamp, text), "{text}");
        }
    }

    /// Those of one turn of the calendar, and the last ones.
    #[test]
    fn all_days_are_found_again() {
        let (first, end) = (-719_162, 2_932_897);
        for day in (first..=first + DAYS_OF_ERA).chain(end - 400..end) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        assert_eq!((date(first), date(end - 1)), ((1, 1, 1), (9999, 12, 31)));
    }
}
