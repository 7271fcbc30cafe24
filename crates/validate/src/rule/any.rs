//! Rules of a `google.protobuf.Any`: which types it may hold.

use prost_reflect::Value;

use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::Reader;
use crate::scope::Scope;

struct AnyRule {
    choice: Choice<String>,
}

pub(crate) fn compile(reader: &mut Reader) -> Box<dyn Rule> {
    Box::new(AnyRule {
        choice: Choice::read(reader, |value| value.as_str().map(str::to_owned)),
    })
}

impl Rule for AnyRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let url = value
            .as_message()
            .and_then(|any| any.get_field_by_number(1));
        match url.as_deref().and_then(Value::as_str) {
            Some(url) => self.choice.check("any", url, scope),
            None => mismatch("any", scope),
        }
    }
}
