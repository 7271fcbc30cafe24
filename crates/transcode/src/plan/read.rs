//! JSON to wire bytes, without a tree of either. What an error ends is only ordinary input being
//! over: whoever asked reads it again with the code that can tell what is wrong.

mod scalar;
mod seed;

use std::borrow::Cow;

use prost::Message as _;
use serde::de::{DeserializeSeed as _, Error, MapAccess, SeqAccess};

use super::shape::{Field, Fields, Form, Kind, Many, ShapeId, Shapes};
use super::wire::{self, Payload, WireType, put_key, put_payload, put_varint};
use crate::time;
use crate::wkt;
pub(super) use scalar::{Given, from_text};
use scalar::{base64, is_zero};
use seed::{Key, Object, Text, Value};

/// Where a value of a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// All that the message says of the field.
    Whole,
    /// One of several, or an entry's value.
    Item,
    /// One of several that share a record.
    Packed,
}

pub(super) struct Reader<'s, 'de> {
    shapes: &'s Shapes,
    out: Vec<u8>,
    /// How deep arrays and objects nest here, and how deep they may.
    depth: usize,
    max_depth: usize,
    /// Which fields the messages around the current one, and then its own, have had.
    seen: Vec<bool>,
    /// The same for keys of maps.
    keys: Vec<Cow<'de, str>>,
}

type Result<T, E> = std::result::Result<T, E>;

/// Reads a message from JSON text into wire bytes.
pub(super) fn message(
    shapes: &Shapes,
    id: ShapeId,
    json: &[u8],
    max_depth: usize,
) -> Option<Vec<u8>> {
    let Form::Object(fields) = &shapes.shape(id).form else {
        return None;
    };
    read(shapes, json, max_depth, |reader, deserializer| {
        Object { reader, fields }.deserialize(deserializer).is_ok()
    })
}

/// Reads the value of one field from JSON text into the wire bytes of a message that holds it alone.
pub(super) fn field<'s>(
    shapes: &'s Shapes,
    field: &'s Field,
    json: &[u8],
    max_depth: usize,
) -> Option<Vec<u8>> {
    read(shapes, json, max_depth, |reader, deserializer| {
        let role = Role::Whole;
        let value = Value {
            reader,
            field,
            role,
        };
        value.deserialize(deserializer).is_ok()
    })
}

fn read<'s, 'de>(
    shapes: &'s Shapes,
    json: &'de [u8],
    max_depth: usize,
    into: impl FnOnce(
        &mut Reader<'s, 'de>,
        &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
    ) -> bool,
) -> Option<Vec<u8>> {
    let mut deserializer = serde_json::Deserializer::from_str(std::str::from_utf8(json).ok()?);
    let mut reader = Reader {
        shapes,
        // JSON is nearly always the longer one.
        out: Vec::with_capacity(json.len()),
        depth: 0,
        max_depth,
        seen: Vec::new(),
        keys: Vec::new(),
    };
    let good = into(&mut reader, &mut deserializer) && deserializer.end().is_ok();
    good.then_some(reader.out)
}

/// Ends the reading.
fn refuse<E: Error>() -> E {
    E::custom("left to others")
}

impl<'s, 'de> Reader<'s, 'de> {
    /// The fields of a message, without what goes before a message.
    fn object<A: MapAccess<'de>>(
        &mut self,
        fields: &'s Fields,
        mut map: A,
    ) -> Result<(), A::Error> {
        self.enter()?;
        let first = self.seen.len();
        self.seen.resize(first + fields.list.len(), false);
        let mut oneofs = 0;
        let mut hint = 0;
        while let Some(index) = map.next_key_seed(Key { fields, hint })? {
            let (Some(field), Some(seen)) =
                (fields.list.get(index), self.seen.get_mut(first + index))
            else {
                return Err(refuse());
            };
            if std::mem::replace(seen, true) {
                return Err(refuse());
            }
            let set = map.next_value_seed(Value {
                reader: self,
                field,
                role: Role::Whole,
            })?;
            if set && field.oneof & oneofs != 0 {
                return Err(refuse());
            }
            if set {
                oneofs |= field.oneof;
            }
            hint = index + 1;
        }
        self.seen.truncate(first);
        self.depth -= 1;
        Ok(())
    }

    /// A field's value that is an object: a message or a map.
    fn map<A: MapAccess<'de>>(
        &mut self,
        field: &'s Field,
        role: Role,
        map: A,
    ) -> Result<(), A::Error> {
        let Kind::Message(id) = field.kind else {
            return Err(refuse());
        };
        match (&self.shapes.shape(id).form, field.many, role) {
            (Form::Object(entry), Many::Map, Role::Whole) => self.entries(field, entry, map),
            (Form::Object(fields), Many::One, _)
            | (Form::Object(fields), Many::List, Role::Item) => {
                put_key(&mut self.out, field.number, WireType::Bytes);
                let start = wire::open(&mut self.out);
                self.object(fields, map)?;
                wire::close(&mut self.out, start);
                Ok(())
            }
            _ => Err(refuse()),
        }
    }

    fn entries<A: MapAccess<'de>>(
        &mut self,
        field: &'s Field,
        entry: &'s Fields,
        mut map: A,
    ) -> Result<(), A::Error> {
        let [key_field, value_field] = entry.list.as_slice() else {
            return Err(refuse());
        };
        self.enter()?;
        let first = self.keys.len();
        while let Some(key) = map.next_key_seed(Text)? {
            put_key(&mut self.out, field.number, WireType::Bytes);
            let start = wire::open(&mut self.out);
            self.text(key_field, &key).ok_or_else(refuse)?;
            self.keys.push(key);
            map.next_value_seed(Value {
                reader: self,
                field: value_field,
                role: Role::Item,
            })?;
            wire::close(&mut self.out, start);
        }
        // A key that is accepted has one spelling only.
        let keys = self.keys.get_mut(first..).unwrap_or_default();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(refuse());
        }
        self.keys.truncate(first);
        self.depth -= 1;
        Ok(())
    }

    fn list<A: SeqAccess<'de>>(
        &mut self,
        field: &'s Field,
        role: Role,
        mut seq: A,
    ) -> Result<(), A::Error> {
        let (Role::Whole, Many::List | Many::Packed) = (role, field.many) else {
            return Err(refuse());
        };
        self.enter()?;
        let before = self.out.len();
        let start = (field.many == Many::Packed).then(|| {
            put_key(&mut self.out, field.number, WireType::Bytes);
            wire::open(&mut self.out)
        });
        let role = start.map_or(Role::Item, |_| Role::Packed);
        while let Some(true) = seq.next_element_seed(Value {
            reader: self,
            field,
            role,
        })? {}
        match start {
            Some(start) if self.out.len() == start => self.out.truncate(before),
            Some(start) => wire::close(&mut self.out, start),
            None => {}
        }
        self.depth -= 1;
        Ok(())
    }

    /// A value that is neither an object nor an array nor null.
    fn given(&mut self, field: &Field, role: Role, given: Given<'_>) -> Option<()> {
        if role == Role::Whole && field.many != Many::One {
            return None;
        }
        match field.kind {
            Kind::Scalar(_) => self.scalar(field, role, given),
            Kind::Message(id) => {
                put_key(&mut self.out, field.number, WireType::Bytes);
                self.textual(id, given)
            }
        }
    }

    fn scalar(&mut self, field: &Field, role: Role, given: Given<'_>) -> Option<()> {
        let Kind::Scalar(kind) = field.kind else {
            return None;
        };
        let decoded;
        let payload = match given {
            Given::Text(text) if kind == super::shape::Scalar::Bytes => {
                decoded = base64(text)?;
                Payload::Bytes(&decoded)
            }
            given => given.payload(self.shapes, kind)?,
        };
        if field.skips_zero && is_zero(kind, payload) {
            return Some(());
        }
        if role != Role::Packed {
            put_key(&mut self.out, field.number, field.wire_type);
        }
        put_payload(&mut self.out, payload);
        Some(())
    }

    /// A message whose JSON is no object, from its length on.
    fn textual(&mut self, id: ShapeId, given: Given<'_>) -> Option<()> {
        let shape = self.shapes.shape(id);
        let usual = match (&shape.form, given) {
            (Form::Wrapper(field), given) => {
                let start = wire::open(&mut self.out);
                self.scalar(field, Role::Item, given)?;
                wire::close(&mut self.out, start);
                return Some(());
            }
            (Form::Timestamp, Given::Text(text)) => time::parse_timestamp(text),
            (Form::Duration, Given::Text(text)) => time::parse_duration(text),
            _ => None,
        };
        if let Some((seconds, nanos)) = usual {
            let start = wire::open(&mut self.out);
            for (number, value) in [(1, seconds), (2, nanos.into())] {
                if value != 0 {
                    put_key(&mut self.out, number, WireType::Varint);
                    put_varint(&mut self.out, value as u64);
                }
            }
            wire::close(&mut self.out, start);
            return Some(());
        }
        let Given::Text(text) = given else {
            return None;
        };
        if !wkt::is_textual(shape.desc.full_name()) {
            return None;
        }
        let message = wkt::from_text(&shape.desc, text)?;
        message.encode_length_delimited(&mut self.out).ok()
    }

    /// A map's key.
    fn text(&mut self, field: &Field, text: &str) -> Option<()> {
        let Kind::Scalar(kind) = field.kind else {
            return None;
        };
        let payload = from_text(self.shapes, kind, text)?;
        if !(field.skips_zero && is_zero(kind, payload)) {
            put_key(&mut self.out, field.number, field.wire_type);
            put_payload(&mut self.out, payload);
        }
        Some(())
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        if self.depth >= self.max_depth {
            return Err(refuse());
        }
        self.depth += 1;
        Ok(())
    }
}
