//! Rules of a list as a whole.

use std::collections::HashSet;

use prost_reflect::{Kind, Value};

use super::length::{Length, Names};
use super::{Rule, mismatch};
use crate::reader::{Reader, Site};
use crate::scope::Scope;

struct RepeatedRule {
    length: Length,
    unique: bool,
}

/// An item as far as equality goes.
#[derive(PartialEq, Eq, Hash)]
enum Item<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    /// The bits of a number that is not NaN, with one zero.
    Float(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

const LENGTH: Names = Names {
    family: "repeated",
    exact: None,
    least: "min_items",
    greatest: "max_items",
    unit: "item(s)",
};

pub(crate) fn compile(kind: &Kind, reader: &mut Reader, site: &mut Site<'_>) -> Box<dyn Rule> {
    let unique = reader.flag("unique");
    if unique && matches!(kind, Kind::Message(_)) {
        site.fault("`repeated.unique` is for scalars and enums, not for messages");
    }
    Box::new(RepeatedRule {
        length: Length::read(LENGTH, reader, site),
        unique,
    })
}

impl Rule for RepeatedRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(items) = value.as_list() else {
            return mismatch("repeated", scope);
        };
        self.length.check(items.len(), scope);
        if self.unique && !is_unique(items) {
            scope.fail("repeated.unique", "must contain unique items");
        }
    }
}

fn is_unique(items: &[Value]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items
        .iter()
        .filter_map(Item::of)
        .all(|item| seen.insert(item))
}

impl<'a> Item<'a> {
    /// `None` for what equals nothing: NaN.
    fn of(value: &'a Value) -> Option<Self> {
        let float = |number: f64| {
            let number = if number == 0.0 { 0.0 } else { number };
            (!number.is_nan()).then_some(Self::Float(number.to_bits()))
        };
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::I32(value) | Value::EnumNumber(value) => Some(Self::Signed((*value).into())),
            Value::I64(value) => Some(Self::Signed(*value)),
            Value::U32(value) => Some(Self::Unsigned((*value).into())),
            Value::U64(value) => Some(Self::Unsigned(*value)),
            Value::F32(value) => float((*value).into()),
            Value::F64(value) => float(*value),
            Value::String(value) => Some(Self::Text(value)),
            Value::Bytes(value) => Some(Self::Bytes(value)),
            Value::Message(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}
