//! Points in time, as the tables hold them.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use sea_orm::DeriveValueType;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// The tables hold it as a 64-bit integer. That is the one form that SQLite and PostgreSQL store,
/// compare and index alike: SQLite has no date type, and the texts that drivers write in its stead
/// have fractions of varying length, which do not sort by time. It also leaves nobody a time zone
/// to get wrong. `to_timestamp(created_at / 1000.0)` shows it in psql and
/// `datetime(created_at / 1000, 'unixepoch')` in sqlite3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it was not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(millis(after)),
            Err(before) => Self(-millis(before.duration())),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let distance = Duration::from_millis(time.0.unsigned_abs());
        let moved = if time.0 < 0 {
            Self::UNIX_EPOCH.checked_sub(distance)
        } else {
            Self::UNIX_EPOCH.checked_add(distance)
        };
        moved.unwrap_or(Self::UNIX_EPOCH)
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(time: Timestamp) -> Self {
        Self {
            seconds: time.0.div_euclid(1000),
            nanos: i32::try_from(time.0.rem_euclid(1000) * 1_000_000)
                .expect("less than a thousand million"),
        }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn before_the_epoch_the_nanos_stay_positive() {
        let time = prost_types::Timestamp::from(Timestamp(-1));
        assert_eq!((time.seconds, time.nanos), (-1, 999_000_000));
    }

    proptest! {
        #[test]
        fn system_time_and_back(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
            let time = Timestamp(millis);
            prop_assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }

        #[test]
        fn arithmetic_never_overflows(millis: i64, seconds: u64) {
            let time = Timestamp(millis);
            let duration = Duration::from_secs(seconds);
            prop_assert!(time + duration >= time && time - duration <= time);
            let _ = (time + duration).since(time);
            let _ = prost_types::Timestamp::from(time);
        }
    }
}
