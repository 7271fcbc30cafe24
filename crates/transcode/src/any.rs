//! Which messages may hold a `google.protobuf.Any`. Protobuf's limit of nesting does not see through it, as
//! each is decoded by itself, so such messages are never printed by a plan.

use std::collections::HashSet;

use prost_reflect::{Kind, MessageDescriptor};

use crate::wkt::ANY;

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
