//! `lt`, `lte`, `gt`, `gte`, and what they mean together.

use std::fmt::Display;

use prost_reflect::Value;

use crate::reader::Reader;
use crate::scope::Scope;

/// A bound; whether it is allowed itself.
struct Bound<T> {
    at: T,
    included: bool,
}

/// At most two bounds. When the upper one lies below the lower one, they exclude what is between
/// them rather than what is outside.
pub(crate) struct Bounds<T> {
    lower: Option<Bound<T>>,
    upper: Option<Bound<T>>,
}

impl<T: PartialOrd + Display> Bounds<T> {
    /// Takes the four rules; `read` understands one value.
    pub(crate) fn read(reader: &mut Reader, read: impl Fn(&Value) -> Option<T>) -> Self {
        let mut bound = |open: &str, included: &str| {
            let excluded = reader.take(open, &read).map(|at| Bound {
                at,
                included: false,
            });
            excluded.or_else(|| {
                reader
                    .take(included, &read)
                    .map(|at| Bound { at, included: true })
            })
        };
        Self {
            lower: bound("gt", "gte"),
            upper: bound("lt", "lte"),
        }
    }

    /// Whether a bound cannot be compared with anything: NaN.
    pub(crate) fn is_unordered(&self) -> bool {
        [&self.lower, &self.upper]
            .into_iter()
            .flatten()
            .any(|bound| bound.at.partial_cmp(&bound.at).is_none())
    }

    /// Checks `value` for the rules of `family`. A NaN satisfies none.
    pub(crate) fn check(&self, family: &str, value: &T, scope: &mut Scope<'_>) {
        let too_low = self
            .lower
            .as_ref()
            .map(|bound| !(*value > bound.at || bound.included && *value == bound.at));
        let too_high = self
            .upper
            .as_ref()
            .map(|bound| !(*value < bound.at || bound.included && *value == bound.at));
        let broken = match (too_low, too_high) {
            (Some(low), Some(high)) if self.excludes_between() => low && high,
            (low, high) => low == Some(true) || high == Some(true),
        };
        if broken {
            let (rule, message) = self.describe();
            scope.fail(format!("{family}.{rule}"), message);
        }
    }

    fn excludes_between(&self) -> bool {
        matches!((&self.lower, &self.upper), (Some(lower), Some(upper)) if upper.at < lower.at)
    }

    /// The rule's name and what it asks for.
    fn describe(&self) -> (String, String) {
        let lower = self.lower.as_ref().map(|bound| match bound.included {
            false => ("gt", format!("greater than {}", bound.at)),
            true => ("gte", format!("greater than or equal to {}", bound.at)),
        });
        let upper = self.upper.as_ref().map(|bound| match bound.included {
            false => ("lt", format!("less than {}", bound.at)),
            true => ("lte", format!("less than or equal to {}", bound.at)),
        });
        let (rule, words) = match (lower, upper) {
            (Some((gt, low)), Some((lt, high))) if self.excludes_between() => {
                (format!("{gt}_{lt}_exclusive"), format!("{low} or {high}"))
            }
            (Some((gt, low)), Some((lt, high))) => {
                (format!("{gt}_{lt}"), format!("{low} and {high}"))
            }
            (Some((rule, words)), None) | (None, Some((rule, words))) => (rule.to_owned(), words),
            (None, None) => (String::new(), String::new()),
        };
        (rule, format!("must be {words}"))
    }
}
