//! How deep messages nest through `google.protobuf.Any`, where protobuf's own limit does not see it:
//! each `Any` is decoded by itself. Printing one inside the other is recursive, so without a limit a
//! response of some kilobytes could use up the stack.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};

const ANY: &str = "google.protobuf.Any";

/// Messages may nest so deep, those inside of an `Any` included: protobuf's limit for the rest.
const MAX_DEPTH: usize = 100;

/// Whether messages of the type may hold an `Any`.
pub(crate) fn reaches_any(root: &MessageDescriptor) -> bool {
    let mut seen = HashSet::new();
    let mut left = vec![root.clone()];
    while let Some(message) = left.pop() {
        // Extensions may be of any type; they are rare enough to be looked at each time.
        if message.full_name() == ANY || message.extension_ranges().next().is_some() {
            return true;
        }
        if seen.insert(message.full_name().to_owned()) {
            left.extend(message.fields().filter_map(|field| match field.kind() {
                Kind::Message(inner) => Some(inner),
                _ => None,
            }));
        }
    }
    false
}

/// Whether a message nests deeper than can be printed.
pub(crate) fn is_too_deep(message: &DynamicMessage) -> bool {
    nests(message, MAX_DEPTH)
}

/// Whether a message has more than `limit` levels below it.
fn nests(message: &DynamicMessage, limit: usize) -> bool {
    let Some(below) = limit.checked_sub(1) else {
        return true;
    };
    if message.descriptor().full_name() == ANY {
        // What cannot be decoded cannot be printed either, and printing says so.
        return payload(message).is_some_and(|payload| nests(&payload, below));
    }
    let fields = message.fields().map(|(_, value)| value);
    let mut values = fields.chain(message.extensions().map(|(_, value)| value));
    values.any(|value| match value {
        Value::Message(inner) => nests(inner, below),
        Value::List(items) => items.iter().any(|item| is_nested(item, below)),
        Value::Map(entries) => entries.values().any(|value| is_nested(value, below)),
        _ => false,
    })
}

fn is_nested(value: &Value, below: usize) -> bool {
    matches!(value, Value::Message(inner) if nests(inner, below))
}

fn payload(any: &DynamicMessage) -> Option<DynamicMessage> {
    let type_url = any.get_field_by_name("type_url")?;
    let name = type_url.as_str()?.rsplit('/').next()?;
    let desc = any.descriptor().parent_pool().get_message_by_name(name)?;
    let value = any.get_field_by_name("value")?;
    DynamicMessage::decode(desc, value.as_bytes()?.clone()).ok()
}
