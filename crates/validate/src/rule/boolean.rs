//! Rules of a `bool`.

use prost_reflect::Value;

use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::Reader;
use crate::scope::Scope;

struct BoolRule {
    choice: Choice<bool>,
}

pub(crate) fn compile(reader: &mut Reader) -> Box<dyn Rule> {
    Box::new(BoolRule {
        choice: Choice::read(reader, Value::as_bool),
    })
}

impl Rule for BoolRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        match value.as_bool() {
            Some(value) => self.choice.check("bool", &value, scope),
            None => mismatch("bool", scope),
        }
    }
}
