//! `const`, `in`, `not_in`: which values of a type are allowed.

use std::fmt::Display;

use prost_reflect::Value;

use crate::reader::Reader;
use crate::scope::Scope;

/// Which values are allowed.
pub(crate) struct Choice<T> {
    constant: Option<T>,
    allowed: Vec<T>,
    refused: Vec<T>,
}

impl<T: Display> Choice<T> {
    /// Takes the three rules; `read` understands one value.
    pub(crate) fn read(reader: &mut Reader, read: impl Fn(&Value) -> Option<T>) -> Self {
        Self {
            constant: reader.take("const", &read),
            allowed: reader.list("in", &read),
            refused: reader.list("not_in", &read),
        }
    }

    /// Checks `value` for the rules of `family`.
    pub(crate) fn check<V: ?Sized>(&self, family: &str, value: &V, scope: &mut Scope<'_>)
    where
        T: PartialEq<V>,
    {
        if let Some(constant) = &self.constant
            && constant != value
        {
            scope.fail(format!("{family}.const"), format!("must equal {constant}"));
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            let list = join(&self.allowed);
            scope.fail(format!("{family}.in"), format!("must be in list {list}"));
        }
        if self.refused.iter().any(|refused| refused == value) {
            let list = join(&self.refused);
            scope.fail(
                format!("{family}.not_in"),
                format!("must not be in list {list}"),
            );
        }
    }
}

/// A list as people read it.
pub(crate) fn join(items: &[impl Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(", "))
}
