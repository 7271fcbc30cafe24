//! Random messages, by descriptor.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

const TEXTS: [&str; 9] = [
    "",
    "plain",
    "a \"quoted\" and a \\ too, longer than sixteen bytes",
    "näme €, longer than sixteen bytes",
    "\n\t\u{1}\u{7f}",
    "😀\u{2028}",
    "0123456789abcdef",
    "0123456789abcdef0123456789abcde\"",
    "-12",
];

/// Bytes that decide. Where they end, all that is left is absent.
pub(super) struct Source<'a> {
    pub(super) bytes: std::slice::Iter<'a, u8>,
    /// Whether messages have maps, which have no order.
    pub(super) maps: bool,
}

impl Source<'_> {
    fn pick(&mut self, of: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % of)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.pick(of.len())]
    }

    fn number(&mut self) -> i64 {
        let byte = self.pick(256) as i64;
        match byte % 8 {
            0 => 0,
            1 => 1,
            2 => -1,
            3 => i64::MIN,
            4 => i64::MAX,
            5 => i64::from(i32::MIN) + byte,
            6 => i64::from(i32::MAX) + byte,
            _ => byte << self.pick(48),
        }
    }

    pub(super) fn message(&mut self, desc: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(desc.clone());
        match desc.full_name() {
            "google.protobuf.Timestamp" => {
                let seconds = self.number().clamp(-62_135_596_800, 253_402_300_799);
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(self.nanos()));
                return message;
            }
            "google.protobuf.Duration" => {
                let seconds = self.number().clamp(-315_576_000_000, 315_576_000_000);
                let nanos = self.nanos() * if seconds < 0 { -1 } else { 1 };
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(nanos));
                return message;
            }
            "google.protobuf.FieldMask" => {
                let paths = (0..self.pick(3)).map(|_| {
                    let path = self.one(&["name", "full_name", "author.full_name"]);
                    Value::String(path.to_owned())
                });
                message.set_field_by_name("paths", Value::List(paths.collect()));
                return message;
            }
            "google.protobuf.FloatValue" | "google.protobuf.DoubleValue" => {
                let field = desc.get_field(1).unwrap();
                let value = match field.kind() {
                    Kind::Float => Value::F32(self.one(&[0.0, -0.0, 1.5, f32::MAX])),
                    _ => Value::F64(self.one(&[0.0, -0.0, 0.1, f64::MIN])),
                };
                message.set_field(&field, value);
                return message;
            }
            // What can be nested without an end is made where it is asked for.
            "google.protobuf.Value" => {
                message.set_field_by_name("number_value", Value::F64(self.number() as f64));
                return message;
            }
            _ => {}
        }
        for field in desc.fields() {
            if self.pick(5) != 1 || (depth == 0 && matches!(field.kind(), Kind::Message(_))) {
                continue;
            }
            if field.is_map() {
                if self.maps {
                    let entries = self.entries(&field, depth);
                    message.set_field(&field, Value::Map(entries));
                }
                continue;
            }
            let value = if field.is_list() {
                let len = self.pick(4);
                Value::List((0..len).map(|_| self.value(&field, depth)).collect())
            } else {
                self.value(&field, depth)
            };
            message.set_field(&field, value);
        }
        message
    }

    fn nanos(&mut self) -> i32 {
        self.one(&[0, 1, 999_999_999, 500_000_000, 1_000, 123_456_000])
    }

    fn entries(&mut self, field: &FieldDescriptor, depth: usize) -> HashMap<MapKey, Value> {
        let Kind::Message(entry) = field.kind() else {
            panic!("a map has entries");
        };
        let len = self.pick(4);
        let entry = |_| {
            let key = self.value(&entry.map_entry_key_field(), depth);
            let value = self.value(&entry.map_entry_value_field(), depth);
            (key.into_map_key().unwrap(), value)
        };
        (0..len).map(entry).collect()
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        match field.kind() {
            Kind::Bool => Value::Bool(self.pick(2) == 1),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.number() as i32),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.number() as u32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.number()),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.number() as u64),
            Kind::Float => Value::F32(self.one(&[
                0.0,
                -0.0,
                0.1,
                -1.5e-45,
                f32::MAX,
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                16_777_216.0,
            ])),
            Kind::Double => Value::F64(self.one(&[
                0.0,
                -0.0,
                0.1,
                5e-324,
                f64::MAX,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                1e21,
            ])),
            Kind::String => Value::String(self.one(&TEXTS).to_owned()),
            Kind::Bytes => {
                let len = self.pick(9);
                Value::Bytes((0..len).map(|_| self.pick(256) as u8).collect())
            }
            Kind::Enum(desc) => {
                let values: Vec<_> = desc.values().collect();
                Value::EnumNumber(values[self.pick(values.len())].number())
            }
            Kind::Message(desc) => Value::Message(self.message(&desc, depth - 1)),
        }
    }
}
