//! Messages inside of others whose form only dynamic messages know, such as free JSON.

use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::json::{self, Defaults};

/// Prints a message that has at most `limit` levels, itself included.
pub(in super::super) fn print(
    out: &mut Vec<u8>,
    desc: &MessageDescriptor,
    bytes: &[u8],
    limit: usize,
) -> Option<()> {
    let message = DynamicMessage::decode(desc.clone(), bytes).ok()?;
    if !is_plain(&message, limit) {
        return None;
    }
    json::print_into(out, &message, Defaults::Printed, limit).ok()
}

/// Whether the message would also have been decoded as a part of the whole, where prost counts the
/// levels from the top. Unknown groups have levels too.
fn is_plain(message: &DynamicMessage, limit: usize) -> bool {
    let Some(below) = limit.checked_sub(1) else {
        return false;
    };
    let plain = |value: &Value| match value {
        Value::Message(inner) => is_plain(inner, below),
        _ => true,
    };
    message.unknown_fields().next().is_none()
        && message.fields().all(|(_, value)| match value {
            Value::List(items) => items.iter().all(plain),
            Value::Map(entries) => entries.values().all(plain),
            value => plain(value),
        })
}
