//! The rules, one file a family.

pub(crate) mod any;
pub(crate) mod boolean;
pub(crate) mod bounds;
pub(crate) mod bytes;
pub(crate) mod choice;
pub(crate) mod duration;
pub(crate) mod enumeration;
pub(crate) mod field_mask;
pub(crate) mod length;
pub(crate) mod map;
pub(crate) mod message_oneof;
pub(crate) mod number;
pub(crate) mod repeated;
pub(crate) mod string;
pub(crate) mod timestamp;
pub(crate) mod well_known;

use prost_reflect::Value;

use crate::scope::Scope;

/// The compiled rules that one family has for one value.
pub(crate) trait Rule: Send + Sync {
    /// Notes in `scope` each rule that `value` breaks.
    fn check(&self, value: &Value, scope: &mut Scope<'_>);
}

/// Notes that a value is not of the type that its contract says. It cannot happen to a message
/// of the contracts that were compiled; one of others must not pass for valid.
pub(crate) fn mismatch(family: &str, scope: &mut Scope<'_>) {
    scope.fail(family, format!("must be a {family}, as the contract says"));
}
