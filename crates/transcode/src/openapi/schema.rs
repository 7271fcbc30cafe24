//! JSON Schemas of messages, as ProtoJSON writes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::comments::Comments;
use super::names::schema_names;
use super::rules::bounds;
use crate::binding::{Binding, Body};
use crate::wkt;

/// Whole numbers of 64 bits as text. All of them would make patterns that nobody can read: left out are
/// those beyond 9.2e18 or 1.8e19 but the greatest few.
const INT64: &str =
    "^-?(0|[1-9][0-9]{0,17}|[1-8][0-9]{18}|9[01][0-9]{17}|922337203685477580[0-7])$";
const UINT64: &str = "^(0|[1-9][0-9]{0,18}|1[0-7][0-9]{18}|18446744073709551615)$";

/// The schemas of all messages and enums that the routes reach.
pub(crate) struct Schemas<'c> {
    comments: &'c Comments,
    messages: HashMap<String, (MessageDescriptor, Use)>,
    enums: HashMap<String, EnumDescriptor>,
    names: BTreeMap<String, String>,
}

/// Where a message is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Use {
    request: bool,
    response: bool,
    /// A request may hold fields in it that the contract does not know.
    open: bool,
}

impl<'c> Schemas<'c> {
    pub(crate) fn of(bindings: &[Arc<Binding>], comments: &'c Comments) -> Self {
        let mut schemas = Self {
            comments,
            messages: HashMap::new(),
            enums: HashMap::new(),
            names: BTreeMap::new(),
        };
        let response = Use {
            response: true,
            ..Use::default()
        };
        for binding in bindings {
            let request = Use {
                request: true,
                open: binding.policy.ignore_unknown_fields,
                ..Use::default()
            };
            match &binding.body {
                Body::All => schemas.reach(&Kind::Message(binding.method.input()), request),
                Body::Field(path) => schemas.reach(&path.leaf().kind(), request),
                Body::None => {}
            }
            match &binding.response_body {
                Some(field) => schemas.reach(&field.kind(), response),
                None => schemas.reach(&Kind::Message(binding.method.output()), response),
            }
        }
        let full = schemas
            .messages
            .iter()
            .filter(|(_, (desc, _))| !desc.is_map_entry());
        let full = full.map(|(name, _)| name).chain(schemas.enums.keys());
        schemas.names = schema_names(full.map(String::as_str));
        schemas
    }

    fn reach(&mut self, root: &Kind, how: Use) {
        let mut left = vec![root.clone()];
        while let Some(kind) = left.pop() {
            match kind {
                Kind::Enum(desc) => {
                    self.enums.insert(desc.full_name().to_owned(), desc);
                }
                Kind::Message(desc) if !wkt::is_special(desc.full_name()) => {
                    let entry = self.messages.entry(desc.full_name().to_owned());
                    let (_, seen) = entry.or_insert_with(|| (desc.clone(), Use::default()));
                    let before = *seen;
                    seen.request |= how.request;
                    seen.response |= how.response;
                    seen.open |= how.open;
                    let news = *seen != before;
                    if news {
                        left.extend(desc.fields().map(|field| field.kind()));
                    }
                }
                _ => {}
            }
        }
    }

    /// The `schemas` of the components.
    pub(crate) fn components(&self) -> Map<String, Json> {
        let mut out = Map::new();
        out.insert("Status".to_owned(), status());
        for (full, name) in &self.names {
            let schema = match (self.messages.get(full), self.enums.get(full)) {
                (Some((desc, seen)), _) => self.object(desc, *seen),
                (None, Some(desc)) => self.enumeration(desc),
                (None, None) => continue,
            };
            out.insert(name.clone(), schema);
        }
        out
    }

    /// The schema of a request's object without some of its fields, written out in place. An open one
    /// may hold fields that the contract does not know.
    pub(crate) fn object_without(
        &self,
        desc: &MessageDescriptor,
        without: &[u32],
        open: bool,
    ) -> Json {
        let seen = Use {
            request: true,
            response: false,
            open,
        };
        self.properties(desc, seen, |field| !without.contains(&field.number()))
    }

    fn object(&self, desc: &MessageDescriptor, seen: Use) -> Json {
        self.properties(desc, seen, |_| true)
    }

    fn properties(
        &self,
        desc: &MessageDescriptor,
        seen: Use,
        shown: impl Fn(&FieldDescriptor) -> bool,
    ) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in desc.fields().filter(shown) {
            let mut schema = self.field(&field);
            if is_redacted(&field) && seen.request && !seen.response {
                schema["writeOnly"] = json!(true);
            }
            let always = if seen.request {
                bounds(&field).required
            } else {
                // An answer has every field that does not know whether it was set.
                !field.supports_presence()
            };
            if always {
                required.push(field.json_name().to_owned());
            } else if seen.request && !seen.response {
                schema = or_null(schema);
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        let mut schema = json!({"type": "object", "properties": properties});
        if seen.request && !seen.response && !seen.open {
            schema["additionalProperties"] = json!(false);
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        self.describe(
            &mut schema,
            &self.comments.text(&desc.parent_file(), desc.path()),
        );
        schema
    }

    /// The schema of a field, with its comment and its bounds.
    pub(crate) fn field(&self, field: &FieldDescriptor) -> Json {
        let mut schema = self.bare_field(field);
        if let Json::Object(object) = &mut schema {
            if is_redacted(field) && matches!(field.kind(), Kind::String) && !field.is_list() {
                object.insert("format".to_owned(), json!("password"));
            }
            let bounds = bounds(field);
            object.extend(bounds.keywords);
            if let Some(Json::Object(items)) = object.get_mut("items") {
                items.extend(bounds.items);
            }
            let options = field.options();
            let deprecated = options.get_field_by_name("deprecated");
            if deprecated.is_some_and(|value| value.as_bool() == Some(true)) {
                object.insert("deprecated".to_owned(), json!(true));
            }
        }
        let file = field.parent_message().parent_file();
        self.describe(&mut schema, &self.comments.text(&file, field.path()));
        schema
    }

    pub(crate) fn bare_field(&self, field: &FieldDescriptor) -> Json {
        let kind = field.kind();
        match &kind {
            Kind::Message(entry) if field.is_map() => {
                let value = self.kind(&entry.map_entry_value_field().kind());
                json!({"type": "object", "additionalProperties": value})
            }
            _ if field.is_list() => json!({"type": "array", "items": self.kind(&kind)}),
            _ => self.kind(&kind),
        }
    }

    /// The schema of one value; a reference for messages and enums.
    pub(crate) fn kind(&self, kind: &Kind) -> Json {
        match kind {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::Float => json!({"type": "number", "format": "float"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "format": "int32"})
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "format": "int64", "pattern": INT64})
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "uint64", "pattern": UINT64})
            }
            Kind::Enum(desc) if self.names.contains_key(desc.full_name()) => {
                self.reference(desc.full_name())
            }
            // Only seen in a query: written out in place.
            Kind::Enum(desc) => self.enumeration(desc),
            Kind::Message(desc) => self
                .well_known(desc)
                .unwrap_or_else(|| self.reference(desc.full_name())),
        }
    }

    fn reference(&self, full_name: &str) -> Json {
        match self.names.get(full_name) {
            Some(name) => json!({"$ref": format!("#/components/schemas/{name}")}),
            None => json!({}),
        }
    }

    fn well_known(&self, desc: &MessageDescriptor) -> Option<Json> {
        if wkt::is_wrapper(desc.full_name()) {
            let mut schema = self.kind(&desc.get_field(1)?.kind());
            schema["type"] = json!([schema["type"], "null"]);
            return Some(schema);
        }
        Some(match desc.full_name() {
            "google.protobuf.Any" => json!({
                "type": "object",
                "properties": {"@type": {"type": "string"}},
                "required": ["@type"],
                "additionalProperties": true,
            }),
            "google.protobuf.Duration" => json!({
                "type": "string",
                "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$",
                "examples": ["1.5s"],
            }),
            "google.protobuf.Empty" => json!({"type": "object", "additionalProperties": false}),
            "google.protobuf.FieldMask" => json!({"type": "string"}),
            "google.protobuf.ListValue" => json!({"type": "array", "items": {}}),
            "google.protobuf.Struct" => json!({"type": "object", "additionalProperties": true}),
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Value" => json!({}),
            _ => return None,
        })
    }

    fn enumeration(&self, desc: &EnumDescriptor) -> Json {
        if desc.full_name() == "google.protobuf.NullValue" {
            return json!({"type": "null"});
        }
        let names: Vec<_> = desc.values().map(|value| value.name().to_owned()).collect();
        let file = desc.parent_file();
        let mut text = self.comments.text(&file, desc.path());
        for value in desc.values() {
            let about = self.comments.text(&file, value.path());
            if !about.is_empty() {
                text.push_str(&format!("\n- `{}`: {about}", value.name()));
            }
        }
        let mut schema = json!({"type": "string", "enum": names});
        self.describe(&mut schema, text.trim());
        schema
    }

    fn describe(&self, schema: &mut Json, text: &str) {
        if !text.is_empty() {
            schema["description"] = json!(text);
        }
    }
}

/// Whether the contract marks the field `debug_redact`: a secret.
pub(crate) fn is_redacted(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let redact = options.get_field_by_name("debug_redact");
    redact.is_some_and(|value| value.as_bool() == Some(true))
}

/// A request may say `null` for whatever it may leave out (ProtoJSON).
fn or_null(mut schema: Json) -> Json {
    let Some(object) = schema.as_object_mut() else {
        return schema;
    };
    if let Some(Json::Array(values)) = object.get_mut("enum") {
        values.push(Json::Null);
    }
    let nothing = json!({"type": "null"});
    if let Some(reference) = object.remove("$ref") {
        object.insert("anyOf".to_owned(), json!([{"$ref": reference}, nothing]));
    } else if let Some(Json::Array(any)) = object.get_mut("anyOf") {
        any.push(nothing);
    } else if let Some(types) = object.get_mut("type") {
        let text = json!("null");
        match types {
            Json::Array(types) if !types.contains(&text) => types.push(text),
            one if !one.is_array() && *one != text => *one = json!([one, text]),
            // Wrappers, whose JSON is that of what they hold, take it in any case.
            _ => {}
        }
    }
    // One that says nothing of types takes null already.
    schema
}

/// The shape of every error: `google.rpc.Status` as ProtoJSON.
fn status() -> Json {
    json!({
        "type": "object",
        "description": "An error, as google.rpc.Status defines it.",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "A google.rpc.Code."},
            "message": {"type": "string", "description": "What went wrong, for developers."},
            "details": {
                "type": "array",
                "description": "Typed details, such as google.rpc.ErrorInfo or google.rpc.BadRequest.",
                "items": {
                    "type": "object",
                    "properties": {"@type": {"type": "string"}},
                    "required": ["@type"],
                    "additionalProperties": true,
                },
            },
        },
        "required": ["code", "message", "details"],
    })
}
