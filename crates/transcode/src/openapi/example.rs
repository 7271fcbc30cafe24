//! Example bodies that the rules of the contract accept, so that "Try it out" works as it stands.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::rules::bounds;
use super::schema::is_redacted;
use crate::wkt;

/// Messages nested deeper are left out.
const MAX_DEPTH: usize = 8;

/// An example holds at most so many messages. What is over is left out: messages that hold each other
/// in many ways would otherwise be written out in all of them.
const MAX_MESSAGES: usize = 200;

/// Where an example stands.
struct Inside {
    /// The full names of the messages that it is inside of: none is put into itself.
    names: Vec<String>,
    /// How many messages it may still hold.
    left: usize,
}

/// An object with every field set, but for those numbered in `without` and all but the first
/// member of a oneof.
pub(crate) fn object(desc: &MessageDescriptor, without: &[u32]) -> Json {
    nested(desc, without, &mut Inside::default())
}

/// An example of a field's value.
pub(crate) fn field(field: &FieldDescriptor) -> Option<Json> {
    value(field, &mut Inside::default())
}

impl Default for Inside {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            left: MAX_MESSAGES,
        }
    }
}

fn nested(desc: &MessageDescriptor, without: &[u32], inside: &mut Inside) -> Json {
    let first_of_oneof = |field: &FieldDescriptor| {
        field.containing_oneof().is_none_or(|oneof| {
            oneof
                .fields()
                .next()
                .is_none_or(|first| first.number() == field.number())
        })
    };
    let fields = desc
        .fields()
        .filter(|field| !without.contains(&field.number()));
    inside.left = inside.left.saturating_sub(1);
    inside.names.push(desc.full_name().to_owned());
    let object: Map<String, Json> = fields
        .filter(first_of_oneof)
        .filter_map(|field| Some((field.json_name().to_owned(), value(&field, inside)?)))
        .collect();
    inside.names.pop();
    Json::Object(object)
}

fn value(field: &FieldDescriptor, inside: &mut Inside) -> Option<Json> {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let value = single(&entry.map_entry_value_field(), inside)?;
        let key = match entry.map_entry_key_field().kind() {
            Kind::String => "key",
            Kind::Bool => "true",
            _ => "1",
        };
        return Some(json!({key: value}));
    }
    let value = single(field, inside)?;
    Some(if field.is_list() {
        json!([value])
    } else {
        value
    })
}

fn single(field: &FieldDescriptor, inside: &mut Inside) -> Option<Json> {
    Some(match field.kind() {
        Kind::String => json!(text(field)),
        Kind::Bool => json!(true),
        Kind::Bytes => json!("aGVsbG8="),
        Kind::Double | Kind::Float => json!(minimum(field).max(1.5)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => json!("1"),
        Kind::Enum(desc) if desc.full_name() == "google.protobuf.NullValue" => Json::Null,
        Kind::Enum(desc) => {
            let named = desc.values().find(|value| value.number() != 0);
            json!(named.unwrap_or_else(|| desc.default_value()).name())
        }
        Kind::Message(desc) => message(&desc, inside)?,
        _ => json!(minimum(field).max(1.0).ceil() as i64),
    })
}

fn message(desc: &MessageDescriptor, inside: &mut Inside) -> Option<Json> {
    if wkt::is_wrapper(desc.full_name()) {
        return single(&desc.get_field(1)?, inside);
    }
    match desc.full_name() {
        "google.protobuf.Timestamp" => Some(json!("2026-01-31T12:00:00Z")),
        "google.protobuf.Duration" => Some(json!("1.5s")),
        "google.protobuf.Struct" => Some(json!({"key": "value"})),
        "google.protobuf.Value" => Some(json!("value")),
        "google.protobuf.ListValue" => Some(json!(["value"])),
        "google.protobuf.Empty" => Some(json!({})),
        // What a mask or an Any may hold depends on the request.
        "google.protobuf.FieldMask" | "google.protobuf.Any" => None,
        _ if inside.left == 0 || inside.names.len() >= MAX_DEPTH => None,
        name if inside.names.iter().any(|outer| outer == name) => None,
        _ => Some(nested(desc, &[], inside)),
    }
}

/// Text that suits the field's format or name, as long as its bounds ask.
fn text(field: &FieldDescriptor) -> String {
    let keywords = bounds(field).keywords;
    let format = keywords.get("format").and_then(Json::as_str);
    let fixed = match (format, field.name()) {
        (Some("email"), _) | (None, "email") => Some("ada@example.com"),
        (Some("uuid"), _) => Some("01890a5d-ac96-774b-bcce-b302099a8057"),
        (Some("hostname"), _) => Some("example.com"),
        (Some("uri"), _) => Some("https://example.com/"),
        (Some("ipv4"), _) => Some("192.0.2.1"),
        (Some("ipv6"), _) => Some("2001:db8::1"),
        // None that everybody knows: services refuse those.
        (_, "password") => Some("tram-7-crosses-the-Bridge"),
        (_, "name" | "full_name" | "display_name") => Some("Ada Lovelace"),
        _ => None,
    };
    if format.is_some()
        && let Some(fixed) = fixed
    {
        return fixed.to_owned();
    }
    let base = match fixed {
        Some(fixed) => fixed.to_owned(),
        None if is_redacted(field) => "secret".to_owned(),
        None => field.name().replace('_', " "),
    };
    let bound = |name: &str| keywords.get(name).and_then(Json::as_u64);
    let least = usize::try_from(bound("minLength").unwrap_or(0))
        .unwrap_or(0)
        .min(1024);
    let most = usize::try_from(bound("maxLength").unwrap_or(1024)).unwrap_or(1024);
    let padding = std::iter::repeat_n('x', least.saturating_sub(base.chars().count()));
    base.chars().chain(padding).take(most).collect()
}

fn minimum(field: &FieldDescriptor) -> f64 {
    let keywords = bounds(field).keywords;
    let bound = |name: &str| keywords.get(name).and_then(Json::as_f64);
    let above = bound("exclusiveMinimum").map(|bound| bound + 1.0);
    bound("minimum").or(above).unwrap_or(f64::MIN)
}
