//! What is checked of each message, and the walk that does it.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::rule::message_oneof::MessageOneof;
use crate::rule::{Rule, mismatch};
use crate::scope::Scope;

/// Which plan in the list of all plans.
pub(crate) type PlanId = usize;

/// What is checked of one message. Without rules, and without any below, all is empty.
pub(crate) struct MessagePlan {
    pub(crate) descriptor: MessageDescriptor,
    /// Groups of the message's own rules.
    pub(crate) groups: Vec<MessageOneof>,
    /// Oneofs of which a field must be set: name and fields.
    pub(crate) required_oneofs: Vec<(String, Vec<FieldDescriptor>)>,
    pub(crate) fields: Vec<FieldPlan>,
}

/// What is checked of one field.
pub(crate) struct FieldPlan {
    pub(crate) field: FieldDescriptor,
    pub(crate) required: bool,
    /// Whether the rules are skipped when the field is not set, or has no presence and is empty
    /// or zero.
    pub(crate) skip_unset: bool,
    pub(crate) shape: Shape,
}

/// What is checked of a field's value, by its cardinality.
pub(crate) enum Shape {
    Single(ValuePlan),
    List {
        whole: Vec<Box<dyn Rule>>,
        items: ValuePlan,
    },
    Map {
        whole: Vec<Box<dyn Rule>>,
        keys: ValuePlan,
        values: ValuePlan,
    },
}

/// What is checked of one value: a field's, an item's, a key's.
#[derive(Default)]
pub(crate) struct ValuePlan {
    /// For items, keys and values: the kind whose zero value is skipped, if it is. They have no
    /// field of their own to say whether they are set.
    pub(crate) skip_zero: Option<Kind>,
    /// Whether the rules are for what a wrapper wraps.
    pub(crate) wrapped: bool,
    pub(crate) rules: Vec<Box<dyn Rule>>,
    /// The plan of the message that the value is.
    pub(crate) nested: Option<PlanId>,
}

// === impl MessagePlan ===

impl MessagePlan {
    /// A plan without any check.
    pub(crate) fn new(descriptor: MessageDescriptor) -> Self {
        Self {
            descriptor,
            groups: Vec::new(),
            required_oneofs: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.required_oneofs.is_empty() && self.fields.is_empty()
    }

    /// Checks `message`, with `plans` for those that it holds.
    pub(crate) fn check(
        &self,
        message: &DynamicMessage,
        plans: &[MessagePlan],
        scope: &mut Scope<'_>,
    ) {
        for group in &self.groups {
            group.check(message, scope);
        }
        for (name, fields) in &self.required_oneofs {
            if !fields.iter().any(|field| message.has_field(field)) {
                let mark = scope.field(name);
                scope.fail("required", "exactly one field is required in oneof");
                scope.back(&mark);
            }
        }
        for field in &self.fields {
            if scope.is_full() {
                return;
            }
            let mark = scope.field(field.field.name());
            field.check(message, plans, scope);
            scope.back(&mark);
        }
    }
}

// === impl FieldPlan ===

impl FieldPlan {
    /// Whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_rules() && self.nested().next().is_none()
    }

    /// Whether it has rules of its own, whatever lies below it.
    pub(crate) fn has_rules(&self) -> bool {
        self.required
            || match &self.shape {
                Shape::Single(value) => value.has_rules(),
                Shape::List { whole, items } => !whole.is_empty() || items.has_rules(),
                Shape::Map {
                    whole,
                    keys,
                    values,
                } => !whole.is_empty() || keys.has_rules() || values.has_rules(),
            }
    }

    /// The plans of the messages that it holds.
    pub(crate) fn nested(&self) -> impl Iterator<Item = PlanId> {
        let (one, other) = match &self.shape {
            Shape::Single(value) => (value.nested, None),
            Shape::List { items, .. } => (items.nested, None),
            Shape::Map { keys, values, .. } => (keys.nested, values.nested),
        };
        one.into_iter().chain(other)
    }

    /// The value plans of the field, to be changed.
    pub(crate) fn values_mut(&mut self) -> Vec<&mut ValuePlan> {
        match &mut self.shape {
            Shape::Single(value) => vec![value],
            Shape::List { items, .. } => vec![items],
            Shape::Map { keys, values, .. } => vec![keys, values],
        }
    }

    fn check(&self, message: &DynamicMessage, plans: &[MessagePlan], scope: &mut Scope<'_>) {
        let is_set = message.has_field(&self.field);
        if !is_set && self.required {
            scope.fail("required", "value is required");
            return;
        }
        if !is_set && self.skip_unset {
            return;
        }
        let value = message.get_field(&self.field);
        match &self.shape {
            Shape::Single(plan) => plan.check(&value, plans, scope),
            Shape::List { whole, items } => {
                check_all(whole, &value, scope);
                if !items.is_empty() {
                    check_items(items, &value, plans, scope);
                }
            }
            Shape::Map {
                whole,
                keys,
                values,
            } => {
                check_all(whole, &value, scope);
                if !keys.is_empty() || !values.is_empty() {
                    check_pairs(keys, values, &value, plans, scope);
                }
            }
        }
    }
}

fn check_all(rules: &[Box<dyn Rule>], value: &Value, scope: &mut Scope<'_>) {
    for rule in rules {
        rule.check(value, scope);
    }
}

fn check_items(plan: &ValuePlan, value: &Value, plans: &[MessagePlan], scope: &mut Scope<'_>) {
    let Some(items) = value.as_list() else {
        return mismatch("repeated", scope);
    };
    for (index, item) in items.iter().enumerate() {
        if scope.is_full() {
            return;
        }
        let mark = scope.index(index);
        plan.check(item, plans, scope);
        scope.back(&mark);
    }
}

fn check_pairs(
    keys: &ValuePlan,
    values: &ValuePlan,
    value: &Value,
    plans: &[MessagePlan],
    scope: &mut Scope<'_>,
) {
    let Some(pairs) = value.as_map() else {
        return mismatch("map", scope);
    };
    // In the order of the keys, so that the same message always gets the same answer.
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_unstable_by(|one, other| one.0.cmp(other.0));
    for (key, value) in pairs {
        if scope.is_full() {
            return;
        }
        let mark = scope.key(key);
        if !keys.is_empty() {
            keys.check(&Value::from(key.clone()), plans, scope);
        }
        values.check(value, plans, scope);
        scope.back(&mark);
    }
}

// === impl ValuePlan ===

impl ValuePlan {
    fn is_empty(&self) -> bool {
        !self.has_rules() && self.nested.is_none()
    }

    fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    fn check(&self, value: &Value, plans: &[MessagePlan], scope: &mut Scope<'_>) {
        if self
            .skip_zero
            .as_ref()
            .is_some_and(|kind| is_zero(value, kind))
        {
            return;
        }
        if self.wrapped {
            // Every wrapper keeps what it wraps in field 1.
            let inner = value
                .as_message()
                .and_then(|wrapper| wrapper.get_field_by_number(1));
            match inner {
                Some(inner) => check_all(&self.rules, &inner, scope),
                None => mismatch("wrapper", scope),
            }
        } else {
            check_all(&self.rules, value, scope);
        }
        if let (Some(id), Some(message)) = (self.nested, value.as_message()) {
            plans[id].check(message, plans, scope);
        }
    }
}

/// Whether `value` is its kind's zero; a message that is there never is.
fn is_zero(value: &Value, kind: &Kind) -> bool {
    !matches!(value, Value::Message(_)) && value.is_default(kind)
}
