//! Answers of a binding.

use super::compile::Compiler;
use super::print::Printer;
use super::shape::{Form, ShapeId, Shapes};
use crate::binding::Binding;
use crate::response::has_body;
use crate::stream;

pub(crate) struct AnswerPlan {
    output: ShapeId,
    /// Where in its fields the one is that is the answer's body.
    field: Option<usize>,
}

impl AnswerPlan {
    /// `None` for what is not JSON, for what needs to be looked at as a whole, and for what no table
    /// describes.
    pub(super) fn new(binding: &Binding, compiler: &mut Compiler) -> Option<Self> {
        if binding.answers_any
            || stream::is_raw(binding)
            || !has_body(binding.policy.success_status)
        {
            return None;
        }
        let output = compiler.message(&binding.method.output());
        let field = match &binding.response_body {
            None if compiler.is_left(output) => return None,
            None => None,
            Some(field) => Some(compiler.fields(output)?.by_number(field.number())?.0),
        };
        Some(Self { output, field })
    }

    /// The JSON of a response, or of the field that stands for it.
    pub(crate) fn print(&self, shapes: &Shapes, bytes: &[u8]) -> Option<Vec<u8>> {
        let printer = Printer::new(shapes, bytes);
        match (self.field, &shapes.shape(self.output).form) {
            (None, _) => printer.whole(self.output, bytes),
            (Some(index), Form::Object(fields)) => printer.field(fields, bytes, index),
            _ => None,
        }
    }
}
