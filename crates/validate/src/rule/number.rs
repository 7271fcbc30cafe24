//! Rules of all twelve kinds of number.

use std::fmt::Display;

use prost_reflect::Value;

use super::bounds::Bounds;
use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::{Reader, Site};
use crate::scope::Scope;

/// A number as a message holds it.
trait Number: Copy + PartialOrd + Display + Send + Sync + 'static {
    fn of(value: &Value) -> Option<Self>;

    fn is_finite(self) -> bool {
        true
    }
}

struct NumberRule<T> {
    family: &'static str,
    choice: Choice<T>,
    bounds: Bounds<T>,
    finite: bool,
}

/// Compiles the rules of a kind of number, such as `sint32`; `None` if there is no such kind.
pub(crate) fn compile(
    family: &'static str,
    reader: &mut Reader,
    site: &mut Site<'_>,
) -> Option<Box<dyn Rule>> {
    Some(match family {
        "float" => rule::<f32>(family, reader, site),
        "double" => rule::<f64>(family, reader, site),
        "int32" | "sint32" | "sfixed32" => rule::<i32>(family, reader, site),
        "int64" | "sint64" | "sfixed64" => rule::<i64>(family, reader, site),
        "uint32" | "fixed32" => rule::<u32>(family, reader, site),
        "uint64" | "fixed64" => rule::<u64>(family, reader, site),
        _ => return None,
    })
}

fn rule<T: Number>(
    family: &'static str,
    reader: &mut Reader,
    site: &mut Site<'_>,
) -> Box<dyn Rule> {
    let bounds = Bounds::read(reader, T::of);
    if bounds.is_unordered() {
        site.fault(format!(
            "a bound of `{family}` is NaN, which nothing satisfies"
        ));
    }
    Box::new(NumberRule {
        family,
        choice: Choice::read(reader, T::of),
        bounds,
        finite: reader.flag("finite"),
    })
}

impl<T: Number> Rule for NumberRule<T> {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(value) = T::of(value) else {
            return mismatch(self.family, scope);
        };
        self.choice.check(self.family, &value, scope);
        self.bounds.check(self.family, &value, scope);
        if self.finite && !value.is_finite() {
            scope.fail(format!("{}.finite", self.family), "must be finite");
        }
    }
}

impl Number for f32 {
    fn of(value: &Value) -> Option<Self> {
        value.as_f32()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Number for f64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_f64()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Number for i32 {
    fn of(value: &Value) -> Option<Self> {
        value.as_i32()
    }
}

impl Number for i64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Number for u32 {
    fn of(value: &Value) -> Option<Self> {
        value.as_u32()
    }
}

impl Number for u64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}
