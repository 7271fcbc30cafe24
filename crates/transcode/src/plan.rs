//! Plans: message types compiled once into tables, by which ordinary requests go from JSON straight
//! to wire bytes, and ordinary answers from wire bytes straight to JSON. No tree is built of either.
//!
//! A plan never says what is wrong. At anything that is wrong, rare or hard it gives up, and the
//! code that builds dynamic messages takes the request or the answer from its start. So that code
//! alone decides what is accepted, and how a fault is told; plans take a part of it, and make the
//! same of it. Tests hold them against each other.

mod answer;
mod compile;
mod print;
mod read;
mod request;
mod shape;
mod wire;

use crate::binding::Binding;
use answer::AnswerPlan;
pub(crate) use compile::Compiler;
use request::RequestPlan;
pub(crate) use shape::Shapes;

/// What of a binding can go without dynamic messages.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) request: Option<RequestPlan>,
    pub(crate) answer: Option<AnswerPlan>,
}

impl Plan {
    pub(crate) fn new(binding: &Binding, compiler: &mut Compiler) -> Self {
        Self {
            request: RequestPlan::new(binding, compiler),
            answer: AnswerPlan::new(binding, compiler),
        }
    }
}
