//! Rules of a `google.protobuf.Timestamp`.

use prost_reflect::Value;

use super::bounds::Bounds;
use super::choice::Choice;
use super::{Rule, mismatch};
use crate::reader::{Reader, Site};
use crate::scope::Scope;
use crate::time::{Instant, Span};

struct TimestampRule {
    choice: Choice<Instant>,
    bounds: Bounds<Instant>,
    /// Not after the present.
    past: bool,
    /// Not before the present.
    future: bool,
    within: Option<Span>,
}

pub(crate) fn compile(reader: &mut Reader, site: &mut Site<'_>) -> Box<dyn Rule> {
    let within = reader.take("within", Span::of);
    if within.is_some_and(Span::is_negative) {
        site.fault("`timestamp.within` is negative, which nothing satisfies");
    }
    Box::new(TimestampRule {
        choice: Choice::read(reader, Instant::of),
        bounds: Bounds::read(reader, Instant::of),
        past: reader.flag("lt_now"),
        future: reader.flag("gt_now"),
        within,
    })
}

impl Rule for TimestampRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(instant) = Instant::of(value) else {
            return mismatch("timestamp", scope);
        };
        self.choice.check("timestamp", &instant, scope);
        self.bounds.check("timestamp", &instant, scope);
        if self.past && instant > scope.now() {
            scope.fail("timestamp.lt_now", "must not be in the future");
        }
        if self.future && instant < scope.now() {
            scope.fail("timestamp.gt_now", "must not be in the past");
        }
        if let Some(within) = self.within
            && instant.distance(scope.now()) > within
        {
            scope.fail(
                "timestamp.within",
                format!("must be within {within} of now"),
            );
        }
    }
}
