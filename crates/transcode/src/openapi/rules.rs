//! Bounds of `buf.validate`, where JSON Schema has the same.

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};
use serde_json::{Map, Value as Json, json};

/// What the rules of a field say.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// Keywords for the field's schema.
    pub(crate) keywords: Map<String, Json>,
    /// Keywords for the schema of each element of a list.
    pub(crate) items: Map<String, Json>,
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
            if let Some(Value::Message(items)) = get(typed, "items") {
                for (rule, value) in items.fields() {
                    if let Value::Message(typed) = value {
                        keywords(rule.name(), typed, &mut bounds.items);
                    }
                }
            }
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
            ("string", "pattern") => {
                let pattern = json.as_str().and_then(ecmascript);
                out.extend(pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
                continue;
            }
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

/// Control characters, for ECMAScript without its flag for Unicode.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

/// A pattern of RE2 as one of ECMAScript that means the same; `None` if it is not known to.
fn ecmascript(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(r"\x{") {
            let (code, after) = after.split_once('}')?;
            // Beyond the basic plane there is none without the flag for Unicode.
            let code = u16::from_str_radix(code, 16).ok()?;
            out.push_str(&format!(r"\u{code:04x}"));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\p{Cc}") {
            out.push_str(&if in_class {
                CONTROL.to_owned()
            } else {
                format!("[{CONTROL}]")
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\\') {
            let escaped = after.chars().next()?;
            // Classes, anchors and quotes that ECMAScript reads otherwise.
            if "pPAzQECXR".contains(escaped) {
                return None;
            }
            out.extend(['\\', escaped]);
            rest = &after[escaped.len_utf8()..];
        } else if rest.starts_with("(?") || rest.starts_with("[[:") || (in_class && next == '[') {
            return None;
        } else {
            in_class = match next {
                '[' => true,
                ']' => false,
                _ => in_class,
            };
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Some(out)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_translated_or_left_out() {
        for (re2, expected) in [
            (r"^[a-z]+\d$", Some(r"^[a-z]+\d$")),
            (
                r"^[^\p{Cc}\x{200e}]*$",
                Some(r"^[^\u0000-\u001f\u007f-\u009f\u200e]*$"),
            ),
            (r"^\p{Cc}$", Some(r"^[\u0000-\u001f\u007f-\u009f]$")),
            (r"\\p", Some(r"\\p")),
            (r"\x{1f600}", None),
            (r"\p{Lu}", None),
            (r"\Aa\z", None),
            (r"(?i)a", None),
            (r"[[:alpha:]]", None),
            (r"a\", None),
            (r"\x{", None),
        ] {
            assert_eq!(ecmascript(re2).as_deref(), expected, "{re2}");
        }
    }
}
