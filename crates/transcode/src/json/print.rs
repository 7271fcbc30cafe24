//! Messages to JSON, by their descriptor.
//!
//! What has no JSON is refused, as the conformance tests of protobuf ask for: timestamps and durations
//! out of their range, masks that would be read as others, numbers in free JSON that are none.

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value,
};
use serde::Serialize;

use crate::scalar;
use crate::time;
use crate::wkt;

/// Messages may nest so deep below the first, those inside of an `Any` included, each of which is decoded by
/// itself: protobuf's limit for the rest. Printing is recursive, so without a limit a response of some
/// kilobytes could use up the stack.
const MAX_DEPTH: usize = 100;

const TOO_DEEP: Unprintable = "nested too deeply";

/// Why a message has no JSON.
pub(crate) type Unprintable = &'static str;

/// What becomes of fields that are as if they were absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defaults {
    /// Those without presence are printed, so that clients see whole objects.
    Printed,
    LeftOut,
}

/// The JSON of a message.
pub(crate) fn print(message: &DynamicMessage, defaults: Defaults) -> Result<Vec<u8>, Unprintable> {
    let mut out = Vec::with_capacity(256);
    print_into(&mut out, message, defaults, MAX_DEPTH + 1)?;
    Ok(out)
}

/// The JSON of one of its fields. A field with presence that is not set is `null`.
pub(crate) fn print_field(
    message: &DynamicMessage,
    field: &FieldDescriptor,
) -> Result<Vec<u8>, Unprintable> {
    if field.supports_presence() && !message.has_field(field) {
        return Ok(b"null".to_vec());
    }
    let mut out = Vec::with_capacity(256);
    let mut printer = Printer {
        out: &mut out,
        defaults: Defaults::Printed,
    };
    printer.value(&field.kind(), &message.get_field(field), MAX_DEPTH)?;
    Ok(out)
}

/// The same for a message that has at most `limit` levels, itself included.
pub(crate) fn print_into(
    out: &mut Vec<u8>,
    message: &DynamicMessage,
    defaults: Defaults,
    limit: usize,
) -> Result<(), Unprintable> {
    Printer { out, defaults }.message(message, limit)
}

struct Printer<'o> {
    out: &'o mut Vec<u8>,
    defaults: Defaults,
}

impl Printer<'_> {
    fn message(&mut self, message: &DynamicMessage, limit: usize) -> Result<(), Unprintable> {
        let below = limit.checked_sub(1).ok_or(TOO_DEEP)?;
        let desc = message.descriptor();
        let part = |number| message.get_field_by_number(number);
        match desc.full_name() {
            wkt::ANY => return self.any(message, below),
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => {
                let seconds = part(1).and_then(|value| value.as_i64()).unwrap_or(0);
                let nanos = part(2).and_then(|value| value.as_i32()).unwrap_or(0);
                return if desc.name() == "Timestamp" {
                    time::print_timestamp(self.out, seconds, nanos)
                        .ok_or("a timestamp is out of range")
                } else {
                    time::print_duration(self.out, seconds, nanos)
                        .ok_or("a duration is out of range, or its signs differ")
                };
            }
            "google.protobuf.FieldMask" => {
                let paths = part(1);
                let paths = paths.as_deref().and_then(Value::as_list).unwrap_or(&[]);
                let paths = paths.iter().filter_map(Value::as_str);
                let text =
                    wkt::mask_to_text(paths).ok_or("a mask has a path that JSON would change")?;
                self.json(&text);
            }
            "google.protobuf.Value" => return self.free(message, below),
            name if wkt::is_only_field(name) => {
                if let (Some(field), Some(value)) = (desc.get_field(1), part(1)) {
                    return self.value(&field.kind(), &value, below);
                }
            }
            _ => {
                self.out.push(b'{');
                self.fields(message, true, below)?;
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    /// The members of an object. `first` is whether none stands before them.
    fn fields(
        &mut self,
        message: &DynamicMessage,
        mut first: bool,
        below: usize,
    ) -> Result<(), Unprintable> {
        for field in message.descriptor().fields() {
            let printed = message.has_field(&field)
                || (self.defaults == Defaults::Printed && !field.supports_presence());
            if printed {
                self.key(field.json_name(), &mut first);
                self.value(&field.kind(), &message.get_field(&field), below)?;
            }
        }
        for (extension, value) in message.extensions() {
            self.key(extension.json_name(), &mut first);
            self.value(&extension.kind(), value, below)?;
        }
        Ok(())
    }

    fn key(&mut self, name: &str, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        self.json(name);
        self.out.push(b':');
    }

    fn value(&mut self, kind: &Kind, value: &Value, below: usize) -> Result<(), Unprintable> {
        match value {
            Value::Bool(value) => self.json(value),
            Value::I32(value) => self.json(value),
            Value::U32(value) => self.json(value),
            Value::I64(value) => self.quoted(value),
            Value::U64(value) => self.quoted(value),
            Value::F32(value) => match scalar::special_name((*value).into()) {
                Some(name) => self.json(name),
                None => self.json(value),
            },
            Value::F64(value) => match scalar::special_name(*value) {
                Some(name) => self.json(name),
                None => self.json(value),
            },
            Value::String(value) => self.json(value),
            Value::Bytes(value) => self.quoted(&Base64Display::new(value, &STANDARD)),
            Value::EnumNumber(number) => self.enum_value(kind.as_enum(), *number),
            Value::Message(message) => self.message(message, below)?,
            Value::List(items) => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.value(kind, item, below)?;
                }
                self.out.push(b']');
            }
            Value::Map(entries) => {
                let entry = kind.as_message().ok_or("a map has no entries")?;
                let kind = entry.map_entry_value_field().kind();
                // In an order, so that the same message always has the same JSON.
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                self.out.push(b'{');
                let mut first = true;
                for (key, value) in entries {
                    self.key(&key_text(key), &mut first);
                    self.value(&kind, value, below)?;
                }
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn enum_value(&mut self, desc: Option<&EnumDescriptor>, number: i32) {
        match desc.and_then(|desc| desc.get_value(number)) {
            _ if desc.is_some_and(scalar::is_null_enum) => self.json(&()),
            Some(value) => self.json(value.name()),
            None => self.json(&number),
        }
    }

    /// Free JSON.
    fn free(&mut self, value: &DynamicMessage, below: usize) -> Result<(), Unprintable> {
        let Some((field, value)) = value.fields().next() else {
            self.json(&());
            return Ok(());
        };
        if value.as_f64().is_some_and(|number| !number.is_finite()) {
            return Err("free JSON has a number that is not finite");
        }
        self.value(&field.kind(), value, below)
    }

    fn any(&mut self, any: &DynamicMessage, below: usize) -> Result<(), Unprintable> {
        let (url, bytes) = (any.get_field_by_number(1), any.get_field_by_number(2));
        let url = url.as_ref().and_then(|url| url.as_str()).unwrap_or("");
        let bytes = bytes.as_ref().and_then(|bytes| bytes.as_bytes());
        let bytes = bytes.map_or(&b""[..], |bytes| bytes);
        if url.is_empty() && bytes.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let (_, name) = url.rsplit_once('/').ok_or("an Any has no type")?;
        let pool = any.descriptor().parent_pool().clone();
        let inner = pool
            .get_message_by_name(name)
            .ok_or("an Any is of a type that is not known")?;
        let message = DynamicMessage::decode(inner, bytes)
            .map_err(|_| "an Any holds bytes that are not of its type")?;
        self.out.push(b'{');
        let mut first = true;
        self.key("@type", &mut first);
        self.json(url);
        if wkt::is_special(name) {
            self.key("value", &mut first);
            self.message(&message, below)?;
        } else if below == 0 {
            return Err(TOO_DEEP);
        } else {
            self.fields(&message, first, below - 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut *self.out, value)
            .expect("text and numbers serialise, and a vector takes what is written");
    }

    fn quoted(&mut self, value: &impl std::fmt::Display) {
        write!(self.out, "\"{value}\"").expect("a vector takes what is written");
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
