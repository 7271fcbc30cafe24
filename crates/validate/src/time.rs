//! `google.protobuf.Timestamp` and `google.protobuf.Duration`, comparable.

use std::fmt;
use std::time::SystemTime;

use prost_reflect::{DynamicMessage, Value};

const NANOS: i128 = 1_000_000_000;

/// A point in time: nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i128);

/// A length of time in nanoseconds, negative included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(i128);

// === impl Instant ===

impl Instant {
    /// Reads a `google.protobuf.Timestamp`.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        nanoseconds(value.as_message()?).map(Self)
    }

    /// How far apart two points are: never negative.
    pub(crate) fn distance(self, other: Self) -> Span {
        Span((self.0 - other.0).abs())
    }
}

impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Self {
        // A duration's nanoseconds fit into 94 bits.
        let nanoseconds = |duration: std::time::Duration| {
            i128::from(duration.as_secs()) * NANOS + i128::from(duration.subsec_nanos())
        };
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(nanoseconds(after)),
            Err(before) => Self(-nanoseconds(before.duration())),
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = split(self.0);
        prost_types::Timestamp { seconds, nanos }.fmt(f)
    }
}

// === impl Span ===

impl Span {
    /// Reads a `google.protobuf.Duration`.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        nanoseconds(value.as_message()?).map(Self)
    }

    pub(crate) fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let (seconds, nanos) = split(self.0.abs());
        if nanos == 0 {
            write!(f, "{sign}{seconds}s")
        } else {
            let fraction = format!("{nanos:09}");
            write!(f, "{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
        }
    }
}

/// Timestamp and duration are written alike: seconds (1) and nanoseconds (2).
fn nanoseconds(message: &DynamicMessage) -> Option<i128> {
    let seconds = message.get_field_by_number(1)?.as_i64()?;
    let nanos = message.get_field_by_number(2)?.as_i32()?;
    Some(i128::from(seconds) * NANOS + i128::from(nanos))
}

/// Back into seconds and nanoseconds, the latter from 0.
fn split(nanoseconds: i128) -> (i64, i32) {
    let seconds = nanoseconds.div_euclid(NANOS);
    let rest = nanoseconds.rem_euclid(NANOS);
    (
        i64::try_from(seconds).unwrap_or(i64::MAX),
        i32::try_from(rest).unwrap_or(0),
    )
}
