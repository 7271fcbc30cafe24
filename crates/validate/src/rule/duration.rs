//! Rules of a `google.protobuf.Duration`.

use prost_reflect::Value;

use super::bounds::Bounds;
use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::Reader;
use crate::scope::Scope;
use crate::time::Span;

struct DurationRule {
    choice: Choice<Span>,
    bounds: Bounds<Span>,
}

pub(crate) fn compile(reader: &mut Reader) -> Box<dyn Rule> {
    Box::new(DurationRule {
        choice: Choice::read(reader, Span::of),
        bounds: Bounds::read(reader, Span::of),
    })
}

impl Rule for DurationRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(span) = Span::of(value) else {
            return mismatch("duration", scope);
        };
        self.choice.check("duration", &span, scope);
        self.bounds.check("duration", &span, scope);
    }
}
