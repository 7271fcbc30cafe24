//! A JSON tree to a message, by the message's descriptor. Messages, lists, maps and scalars are
//! read here, so that every fault has a path; well-known types are left to prost-reflect.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use prost_reflect::{
    DeserializeOptions, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, Value,
};
use serde_json::Value as Json;

use crate::field_path::{field, free_oneof};
use crate::scalar;
use crate::violations::Violations;
use crate::wkt::{self, ANY};

/// The key of an `Any` that says what is in it.
const TYPE: &str = "@type";

/// Reads trees. What it returns is only complete when no violation was added.
#[derive(Debug)]
pub(crate) struct Reader<'v> {
    pub(crate) violations: &'v mut Violations,
    /// Skip keys that the message does not know, and names that an enum does not.
    pub(crate) ignore_unknown: bool,
}

/// A key of an object, as the message knows it.
enum Member {
    Field(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

// === impl Member ===

impl Member {
    fn of(desc: &MessageDescriptor, key: &str) -> Option<Self> {
        if let Some(field) = field(desc, key) {
            return Some(Self::Field(field));
        }
        let extension = key.strip_prefix('[')?.strip_suffix(']')?;
        desc.get_extension_by_full_name(extension)
            .map(Self::Extension)
    }

    fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads the value of a field. `None` is for null, which is like an absent field.
    pub(crate) fn field(&mut self, field: &FieldDescriptor, json: &Json) -> Option<Value> {
        let kind = field.kind();
        if json.is_null() && (field.is_list() || field.is_map() || !takes_null(&kind)) {
            return None;
        }
        if field.is_map() {
            return self.map(&kind, json);
        }
        self.one_or_many(&kind, field.is_list(), json)
    }

    /// The same of an extension, which is no map.
    fn extension(&mut self, extension: &ExtensionDescriptor, json: &Json) -> Option<Value> {
        let kind = extension.kind();
        if json.is_null() && (extension.is_list() || !takes_null(&kind)) {
            return None;
        }
        self.one_or_many(&kind, extension.is_list(), json)
    }

    fn one_or_many(&mut self, kind: &Kind, is_list: bool, json: &Json) -> Option<Value> {
        if is_list {
            self.list(kind, json)
        } else {
            self.value(kind, json)
        }
    }

    /// Reads a message that is not null.
    pub(crate) fn message(
        &mut self,
        desc: &MessageDescriptor,
        json: &Json,
    ) -> Option<DynamicMessage> {
        if wkt::is_special(desc.full_name()) {
            return self.well_known(desc, json);
        }
        let Json::Object(entries) = json else {
            self.violations.add("expected an object");
            return None;
        };
        Some(self.object(desc, entries.iter()))
    }

    fn object<'j>(
        &mut self,
        desc: &MessageDescriptor,
        entries: impl Iterator<Item = (&'j String, &'j Json)>,
    ) -> DynamicMessage {
        let ignore_unknown = self.ignore_unknown;
        let mut message = DynamicMessage::new(desc.clone());
        let mut seen = HashSet::new();
        for (key, json) in entries {
            if self.violations.is_full() {
                break;
            }
            let Some(member) = Member::of(desc, key) else {
                if !self.ignore_unknown {
                    self.violations.add_at(key, "there is no such field");
                }
                continue;
            };
            if !seen.insert(member.number()) {
                self.violations
                    .add_at(key, "the field appears twice, under both of its names");
                continue;
            }
            let Some(value) = self.violations.within(key, |violations| {
                let mut reader = Reader {
                    violations,
                    ignore_unknown,
                };
                match &member {
                    Member::Field(field) => reader.field(field, json),
                    Member::Extension(extension) => reader.extension(extension, json),
                }
            }) else {
                continue;
            };
            let field = match member {
                Member::Field(field) => field,
                Member::Extension(extension) => {
                    message.set_extension(&extension, value);
                    continue;
                }
            };
            if let Err(oneof) = free_oneof(&message, &field) {
                self.violations
                    .add_at(key, format!("another field of the oneof `{oneof}` is set"));
                continue;
            }
            message.set_field(&field, value);
        }
        message
    }

    fn list(&mut self, kind: &Kind, json: &Json) -> Option<Value> {
        let Json::Array(items) = json else {
            self.violations.add("expected an array");
            return None;
        };
        let ignore_unknown = self.ignore_unknown;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if self.violations.is_full() {
                break;
            }
            values.extend(self.violations.at(index, |violations| {
                Reader {
                    violations,
                    ignore_unknown,
                }
                .value(kind, item)
            }));
        }
        Some(Value::List(values))
    }

    fn map(&mut self, kind: &Kind, json: &Json) -> Option<Value> {
        let (Json::Object(entries), Kind::Message(entry)) = (json, kind) else {
            self.violations.add("expected an object");
            return None;
        };
        let ignore_unknown = self.ignore_unknown;
        let key_kind = entry.map_entry_key_field().kind();
        let value_kind = entry.map_entry_value_field().kind();
        let mut values = HashMap::with_capacity(entries.len());
        for (key, json) in entries {
            if self.violations.is_full() {
                break;
            }
            self.violations.entry(key, |violations| {
                let map_key = match scalar::key_from_text(&key_kind, key) {
                    Ok(map_key) => map_key,
                    Err(expected) => return violations.add(format!("the key: {expected}")),
                };
                let mut reader = Reader {
                    violations,
                    ignore_unknown,
                };
                let Some(value) = reader.value(&value_kind, json) else {
                    return;
                };
                if values.insert(map_key, value).is_some() {
                    violations.add("the key appears twice");
                }
            });
        }
        Some(Value::Map(values))
    }

    /// Reads one value, where null is not like an absent field. `None` without a violation is for the
    /// name of an enum that is skipped.
    fn value(&mut self, kind: &Kind, json: &Json) -> Option<Value> {
        if json.is_null() && !takes_null(kind) {
            self.violations.add("null is not accepted here");
            return None;
        }
        if let Kind::Message(desc) = kind {
            return self.message(desc, json).map(Value::Message);
        }
        if self.ignore_unknown && scalar::is_unknown_name(kind, json) {
            return None;
        }
        match scalar::from_json(kind, json) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.violations.add(expected);
                None
            }
        }
    }

    fn well_known(&mut self, desc: &MessageDescriptor, json: &Json) -> Option<DynamicMessage> {
        if wkt::is_wrapper(desc.full_name()) {
            return self.wrapper(desc, json);
        }
        if let Some(inner) = held(desc, json) {
            return self.any(desc, &inner, json);
        }
        if desc.full_name() == ANY && json.as_object().is_some_and(serde_json::Map::is_empty) {
            return Some(DynamicMessage::new(desc.clone()));
        }
        if let (Json::String(text), true) = (json, wkt::is_textual(desc.full_name())) {
            let message = wkt::from_text(desc, text);
            if message.is_none() {
                self.violations.add(wkt::expected(desc.full_name()));
            }
            return message;
        }
        let options = DeserializeOptions::new().deny_unknown_fields(!self.ignore_unknown);
        // The error could repeat values, so only the type is told.
        let read = DynamicMessage::deserialize_with_options(desc.clone(), json, &options);
        if read.is_err() {
            self.violations.add(wkt::expected(desc.full_name()));
        }
        read.ok()
    }

    /// Reads an `Any` that holds an ordinary message.
    fn any(
        &mut self,
        desc: &MessageDescriptor,
        inner: &MessageDescriptor,
        json: &Json,
    ) -> Option<DynamicMessage> {
        let entries = json.as_object()?;
        let fields = entries.iter().filter(|(key, _)| *key != TYPE);
        let message = self.object(inner, fields).encode_to_vec();
        let url = entries.get(TYPE)?.as_str()?.to_owned();
        let mut any = DynamicMessage::new(desc.clone());
        any.set_field(&desc.get_field(1)?, Value::String(url));
        any.set_field(&desc.get_field(2)?, Value::Bytes(message.into()));
        Some(any)
    }

    fn wrapper(&mut self, desc: &MessageDescriptor, json: &Json) -> Option<DynamicMessage> {
        let inner = desc.get_field(1)?;
        let value = self.value(&inner.kind(), json)?;
        let mut message = DynamicMessage::new(desc.clone());
        message.set_field(&inner, value);
        Some(message)
    }
}

/// The type of the message in an `Any`, if it is one that is known and whose JSON is an object of its
/// fields.
fn held(desc: &MessageDescriptor, json: &Json) -> Option<MessageDescriptor> {
    if desc.full_name() != ANY {
        return None;
    }
    let (_, name) = json.get(TYPE)?.as_str()?.rsplit_once('/')?;
    let inner = desc.parent_pool().get_message_by_name(name)?;
    (!wkt::is_special(inner.full_name())).then_some(inner)
}

fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(desc) => desc.full_name() == "google.protobuf.Value",
        Kind::Enum(desc) => scalar::is_null_enum(desc),
        _ => false,
    }
}
