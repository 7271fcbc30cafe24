//! Which fields a JSON body speaks of: what a PATCH means when it gives no mask.

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::Value as Json;

use crate::field_path::field;
use crate::scalar;
use crate::wkt;

/// The proto paths of the fields that the body holds, down to lists, maps, well-known types and
/// scalars. An empty object is named itself: the client asks to clear it.
pub(crate) fn paths_of(desc: &MessageDescriptor, json: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    collect(desc, json, "", &mut paths);
    paths
}

fn collect(desc: &MessageDescriptor, json: &Json, prefix: &str, paths: &mut Vec<String>) {
    let Json::Object(entries) = json else {
        return;
    };
    for (key, value) in entries {
        let Some(field) = field(desc, key) else {
            continue;
        };
        // It was skipped, and leaves the field as it is.
        if !field.is_list() && scalar::is_unknown_name(&field.kind(), value) {
            continue;
        }
        let path = if prefix.is_empty() {
            field.name().to_owned()
        } else {
            format!("{prefix}.{}", field.name())
        };
        match (field.kind(), value) {
            (Kind::Message(inner), Json::Object(inside))
                if !inside.is_empty() && !field.is_map() && !wkt::is_special(inner.full_name()) =>
            {
                collect(&inner, value, &path, paths);
            }
            _ => paths.push(path),
        }
    }
}
