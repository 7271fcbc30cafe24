//! Rules of an enum.

use prost_reflect::{EnumDescriptor, Kind, Value};

use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::Reader;
use crate::scope::Scope;

struct EnumRule {
    choice: Choice<i32>,
    /// With `defined_only`: the enum.
    defined: Option<EnumDescriptor>,
}

pub(crate) fn compile(kind: &Kind, reader: &mut Reader) -> Box<dyn Rule> {
    let defined_only = reader.flag("defined_only");
    Box::new(EnumRule {
        choice: Choice::read(reader, Value::as_i32),
        defined: kind.as_enum().filter(|_| defined_only).cloned(),
    })
}

impl Rule for EnumRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(number) = value.as_enum_number() else {
            return mismatch("enum", scope);
        };
        self.choice.check("enum", &number, scope);
        if let Some(defined) = &self.defined
            && defined.get_value(number).is_none()
        {
            scope.fail("enum.defined_only", "must be one of the defined values");
        }
    }
}
