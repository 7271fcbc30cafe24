//! Bounds of `buf.validate`, where JSON Schema has the same.

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};
use serde_json::{Map, Value as Json, json};

/// What the rules of a field say.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// Keywords for the field's schema.
    pub(crate) keywords: Map<String, Json>,
    /// Whether a request without the field is refused.
    pub(crate) required: bool,
}

/// Reads `(buf.validate.field)`; empty when the pool has no such extension.
pub(crate) fn bounds(field: &FieldDescriptor) -> Bounds {
    let mut bounds = Bounds::default();
    let pool = field.parent_message().parent_pool();
    let Some(extension) = pool.get_extension_by_name("buf.validate.field") else {
        return bounds;
    };
    let options = field.options();
    if !options.has_extension(&extension) {
        return bounds;
    }
    let value = options.get_extension(&extension);
    let Some(rules) = value.as_message() else {
        return bounds;
    };
    let ignored = get(rules, "ignore").and_then(|ignore| ignore.as_enum_number());
    bounds.required = get(rules, "required").is_some_and(|value| value.as_bool() == Some(true));
    for (rule, value) in rules.fields() {
        if let Value::Message(typed) = value {
            keywords(rule.name(), typed, &mut bounds.keywords);
        }
    }
    // Without presence an absent field is its zero value, which must then pass the rules.
    let refuses_zero = ["format", "const"]
        .iter()
        .any(|k| bounds.keywords.contains_key(*k))
        || ["minLength", "minItems"]
            .iter()
            .any(|k| bounds.keywords.get(*k).and_then(Json::as_u64) > Some(0));
    bounds.required |= refuses_zero && !field.supports_presence() && ignored.unwrap_or(0) == 0;
    bounds
}

fn keywords(kind: &str, rules: &DynamicMessage, out: &mut Map<String, Json>) {
    for (rule, value) in rules.fields() {
        let Some(json) = plain(value) else {
            continue;
        };
        let keyword = match (kind, rule.name()) {
            ("string", "min_len") => "minLength",
            ("string", "max_len") => "maxLength",
            ("string", "pattern") if is_ecmascript(&json) => "pattern",
            ("string", format @ ("email" | "hostname" | "ipv4" | "ipv6" | "uri" | "uuid"))
                if json == true =>
            {
                out.insert("format".to_owned(), json!(format));
                continue;
            }
            ("string", "len") => {
                out.insert("minLength".to_owned(), json.clone());
                "maxLength"
            }
            ("repeated", "min_items") => "minItems",
            ("repeated", "max_items") => "maxItems",
            ("repeated", "unique") => "uniqueItems",
            ("map", "min_pairs") => "minProperties",
            ("map", "max_pairs") => "maxProperties",
            // 64-bit integers are strings in JSON, where these keywords have no meaning.
            ("int32" | "uint32" | "sint32" | "float" | "double", bound) => match bound {
                "gte" => "minimum",
                "gt" => "exclusiveMinimum",
                "lte" => "maximum",
                "lt" => "exclusiveMaximum",
                _ => continue,
            },
            _ => continue,
        };
        out.insert(keyword.to_owned(), json);
    }
}

fn plain(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(value) => Some(json!(value)),
        Value::I32(value) => Some(json!(value)),
        Value::U32(value) => Some(json!(value)),
        Value::U64(value) => Some(json!(value)),
        Value::F32(value) => Some(json!(value)),
        Value::F64(value) => Some(json!(value)),
        Value::String(value) => Some(json!(value)),
        _ => None,
    }
}

/// RE2 and ECMAScript differ in these escapes and groups.
fn is_ecmascript(pattern: &Json) -> bool {
    let foreign = [
        r"\x{", r"\p", r"\P", r"\A", r"\z", r"\Q", r"\C", "(?", "[[:",
    ];
    pattern
        .as_str()
        .is_some_and(|pattern| !foreign.iter().any(|part| pattern.contains(part)))
}

fn get(message: &DynamicMessage, field: &str) -> Option<Value> {
    message
        .has_field_by_name(field)
        .then(|| {
            message
                .get_field_by_name(field)
                .map(std::borrow::Cow::into_owned)
        })
        .flatten()
}
