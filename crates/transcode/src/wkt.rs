//! The well-known types: those that ProtoJSON gives a form of their own.

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

/// The message that holds one of any type.
pub(crate) const ANY: &str = "google.protobuf.Any";

/// The message that stands for raw bytes.
pub(crate) const HTTP_BODY: &str = "google.api.HttpBody";

/// All messages that ProtoJSON gives a form of their own.
const SPECIAL: [&str; 17] = [
    "google.protobuf.Any",
    "google.protobuf.BoolValue",
    "google.protobuf.BytesValue",
    "google.protobuf.DoubleValue",
    "google.protobuf.Duration",
    "google.protobuf.Empty",
    "google.protobuf.FieldMask",
    "google.protobuf.FloatValue",
    "google.protobuf.Int32Value",
    "google.protobuf.Int64Value",
    "google.protobuf.ListValue",
    "google.protobuf.StringValue",
    "google.protobuf.Struct",
    "google.protobuf.Timestamp",
    "google.protobuf.UInt32Value",
    "google.protobuf.UInt64Value",
    "google.protobuf.Value",
];

/// The names under which a pool has other messages than protobuf defines. Their forms are written for
/// the fields that protobuf gives them: of others they would read and print nonsense, or never end.
pub(crate) fn redefined(pool: &DescriptorPool) -> Vec<&'static str> {
    let standard = DescriptorPool::global();
    let mut names = SPECIAL.to_vec();
    names.retain(|name| {
        let (Some(own), Some(standard)) = (
            pool.get_message_by_name(name),
            standard.get_message_by_name(name),
        ) else {
            return false;
        };
        !is_same(&own, &standard)
    });
    names
}

fn is_same(own: &MessageDescriptor, standard: &MessageDescriptor) -> bool {
    own.fields().len() == standard.fields().len()
        && standard.fields().all(|standard| {
            own.get_field(standard.number())
                .is_some_and(|own| is_same_field(&own, &standard))
        })
}

fn is_same_field(own: &FieldDescriptor, standard: &FieldDescriptor) -> bool {
    let same_kind = match (own.kind(), standard.kind()) {
        (Kind::Message(own), Kind::Message(standard)) if standard.is_map_entry() => {
            own.is_map_entry() && is_same(&own, &standard)
        }
        (Kind::Message(own), Kind::Message(standard)) => own.full_name() == standard.full_name(),
        (Kind::Enum(own), Kind::Enum(standard)) => own.full_name() == standard.full_name(),
        (own, standard) => own == standard,
    };
    let oneof = |field: &FieldDescriptor| {
        field
            .containing_oneof()
            .map(|oneof| oneof.name().to_owned())
    };
    same_kind
        && own.name() == standard.name()
        && own.is_group() == standard.is_group()
        && own.cardinality() == standard.cardinality()
        && oneof(own) == oneof(standard)
}

/// Whether ProtoJSON gives the message a form of its own.
pub(crate) fn is_special(full_name: &str) -> bool {
    SPECIAL.contains(&full_name)
}

/// Whether the message's JSON is a string, a number or a boolean, so that text can hold it.
pub(crate) fn is_textual(full_name: &str) -> bool {
    is_wrapper(full_name)
        || matches!(
            full_name,
            "google.protobuf.Duration" | "google.protobuf.FieldMask" | "google.protobuf.Timestamp"
        )
}

/// Whether the message is one of `wrappers.proto`: a single field `value`, number 1.
pub(crate) fn is_wrapper(full_name: &str) -> bool {
    matches!(
        full_name,
        "google.protobuf.BoolValue"
            | "google.protobuf.BytesValue"
            | "google.protobuf.DoubleValue"
            | "google.protobuf.FloatValue"
            | "google.protobuf.Int32Value"
            | "google.protobuf.Int64Value"
            | "google.protobuf.StringValue"
            | "google.protobuf.UInt32Value"
            | "google.protobuf.UInt64Value"
    )
}

/// Whether the message's JSON is that of its only field, number 1.
pub(crate) fn is_only_field(full_name: &str) -> bool {
    is_wrapper(full_name)
        || matches!(
            full_name,
            "google.protobuf.ListValue" | "google.protobuf.Struct"
        )
}

/// What to tell a client whose value is not of the type.
pub(crate) fn expected(full_name: &str) -> &'static str {
    match full_name {
        "google.protobuf.Any" => "expected an object with the known type's name in `@type`",
        "google.protobuf.Duration" => "expected a duration in seconds, such as \"1.5s\"",
        "google.protobuf.Empty" => "expected an empty object",
        "google.protobuf.FieldMask" => "expected field paths, separated by commas",
        "google.protobuf.ListValue" => "expected an array",
        "google.protobuf.Struct" => "expected an object",
        "google.protobuf.Timestamp" => {
            "expected an RFC 3339 timestamp, such as \"2026-01-31T12:00:00Z\""
        }
        _ => "expected a JSON value",
    }
}

/// A `Timestamp`, `Duration` or `FieldMask` from its JSON text. Masks may also be in proto names.
pub(crate) fn from_text(desc: &MessageDescriptor, text: &str) -> Option<DynamicMessage> {
    if desc.full_name() == "google.protobuf.FieldMask" && text.contains('_') {
        return mask_of_proto_names(desc, text);
    }
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    DynamicMessage::deserialize(desc.clone(), text).ok()
}

fn mask_of_proto_names(desc: &MessageDescriptor, text: &str) -> Option<DynamicMessage> {
    let paths: Vec<String> = text.split(',').map(str::to_owned).collect();
    let are_names = |path: &String| path.split('.').all(is_proto_name);
    if !paths.iter().all(are_names) {
        return None;
    }
    Some(mask(desc, paths))
}

/// Whether it can be a field's name. One that ends in an underscore is legal, but the JSON of a mask
/// would lose the end of it.
fn is_proto_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.bytes().all(plain) && !name.ends_with('_')
}

/// The JSON text of a mask, if it reads as the same mask.
pub(crate) fn mask_to_text<'p>(paths: impl Iterator<Item = &'p str>) -> Option<String> {
    let mut text = String::new();
    for (index, path) in paths.enumerate() {
        if index > 0 {
            text.push(',');
        }
        let mut upper = false;
        for character in path.chars() {
            match character {
                '_' if upper => return None,
                '_' => {}
                'A'..='Z' | ',' => return None,
                'a'..='z' if upper => text.push(character.to_ascii_uppercase()),
                _ if upper => return None,
                _ => text.push(character),
            }
            upper = character == '_';
        }
        if upper {
            return None;
        }
    }
    Some(text)
}

/// A `FieldMask` of these proto paths.
pub(crate) fn mask(desc: &MessageDescriptor, paths: Vec<String>) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    let paths = paths
        .into_iter()
        .map(prost_reflect::Value::String)
        .collect();
    message.set_field_by_name("paths", prost_reflect::Value::List(paths));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_mask_keeps_its_end() {
        for good in ["a", "a_b", "_a", "line_1", "snake_case_name"] {
            assert!(is_proto_name(good), "{good}");
        }
        for bad in ["", "_", "a_", "aB", "a-b", "\u{e4}"] {
            assert!(!is_proto_name(bad), "{bad}");
        }
    }
}
