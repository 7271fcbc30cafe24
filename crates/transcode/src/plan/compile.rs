//! Descriptors to tables.

use std::collections::HashMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as Described, MessageDescriptor};

use super::print;
use super::shape::{
    EnumId, Field, Fields, Form, Kind, Many, Names, Scalar, Shape, ShapeId, Shapes,
};
use super::wire::{Payload, WireType};
use crate::field_path;
use crate::scalar::is_null_enum;
use crate::wkt;

/// Numbers are dense if a table of all of them has at most so many places for each field, and
/// [`SPARE`] more.
const PLACES: u32 = 4;
const SPARE: u32 = 16;

/// Makes each type once, however many methods share it.
#[derive(Default)]
pub(crate) struct Compiler {
    shapes: Shapes,
    messages: HashMap<String, ShapeId>,
    enums: HashMap<String, EnumId>,
    /// Those that others refer to but that are not made yet.
    pending: Vec<ShapeId>,
}

impl Compiler {
    pub(crate) fn finish(self) -> Shapes {
        self.shapes
    }

    /// The shape of a message type, with the shapes of all that it can hold.
    pub(super) fn message(&mut self, desc: &MessageDescriptor) -> ShapeId {
        let id = self.refer(desc);
        self.make_pending();
        id
    }

    /// A field by itself, with the shapes of all that it can hold.
    pub(super) fn field(&mut self, desc: &FieldDescriptor) -> Option<Field> {
        let field = self.make_field(desc);
        self.make_pending();
        field
    }

    /// `None` where the type is left to dynamic messages.
    pub(super) fn fields(&self, id: ShapeId) -> Option<&Fields> {
        match &self.shapes.shape(id).form {
            Form::Object(fields) => Some(fields),
            _ => None,
        }
    }

    pub(super) fn is_left(&self, id: ShapeId) -> bool {
        matches!(self.shapes.shape(id).form, Form::Left)
    }

    fn refer(&mut self, desc: &MessageDescriptor) -> ShapeId {
        if let Some(id) = self.messages.get(desc.full_name()) {
            return *id;
        }
        let id = ShapeId(self.shapes.messages.len() as u32);
        self.shapes.messages.push(Shape {
            desc: desc.clone(),
            form: Form::Left,
        });
        self.messages.insert(desc.full_name().to_owned(), id);
        self.pending.push(id);
        id
    }

    /// Types nest as deep as contracts like, so this is a loop.
    fn make_pending(&mut self) {
        while let Some(id) = self.pending.pop() {
            let desc = self.shapes.shape(id).desc.clone();
            if let Some(form) = self.make_form(&desc)
                && let Some(shape) = self.shapes.messages.get_mut(id.0 as usize)
            {
                shape.form = form;
            }
        }
    }

    /// `None` is for what is left to dynamic messages.
    fn make_form(&mut self, desc: &MessageDescriptor) -> Option<Form> {
        match desc.full_name() {
            "google.protobuf.Timestamp" => return Some(Form::Timestamp),
            "google.protobuf.Duration" => return Some(Form::Duration),
            "google.protobuf.Empty" => {}
            name if wkt::is_wrapper(name) => {
                let field = self.make_field(&desc.get_field(1)?)?;
                return Some(Form::Wrapper(Box::new(field)));
            }
            name if wkt::is_special(name) => return None,
            _ => {}
        }
        if desc.extension_ranges().next().is_some() {
            return None;
        }
        let mut list = Vec::with_capacity(desc.fields().len());
        for field in desc.fields() {
            list.push(self.make_field(&field)?);
        }
        Some(Form::Object(Fields {
            dense: dense(&list),
            names: names(desc, &list),
            list,
        }))
    }

    fn make_field(&mut self, desc: &FieldDescriptor) -> Option<Field> {
        if desc.is_group() {
            return None;
        }
        let described = desc.kind();
        let presence = desc.supports_presence();
        let many = match &described {
            _ if desc.is_map() => Many::Map,
            _ if desc.is_list() && desc.is_packed() => Many::Packed,
            _ if desc.is_list() => Many::List,
            _ => Many::One,
        };
        let one = many == Many::One;
        if one && !presence && desc.default_value() != described.default_value() {
            return None;
        }
        let kind = self.make_kind(&described);
        let (wire_type, default) = match kind {
            Kind::Scalar(scalar) => (scalar.wire_type(), self.default(scalar, &described)?),
            Kind::Message(_) => (WireType::Bytes, Vec::new()),
        };
        let default = match many {
            Many::One => default,
            Many::List | Many::Packed => b"[]".to_vec(),
            Many::Map => b"{}".to_vec(),
        };
        let mut opening = vec![b','];
        print::text(&mut opening, desc.json_name().as_bytes())?;
        opening.push(b':');
        let absent = if presence {
            Vec::new()
        } else {
            [opening.as_slice(), &default].concat()
        };
        // The default of an enum need not be its zero.
        let zero_enum = |desc: &EnumDescriptor| desc.default_value().number() == 0;
        let skips_zero = match &described {
            Described::Enum(desc) => one && !presence && zero_enum(desc),
            _ => one && !presence,
        };
        Some(Field {
            number: desc.number(),
            kind,
            many,
            wire_type,
            skips_zero,
            takes_null: one && takes_null(&described),
            oneof: oneof(desc)?,
            json_name: desc.json_name().into(),
            opening: opening.into(),
            default: default.into(),
            absent: absent.into(),
        })
    }

    fn make_kind(&mut self, described: &Described) -> Kind {
        Kind::Scalar(match described {
            Described::Message(desc) => return Kind::Message(self.refer(desc)),
            Described::Enum(desc) => Scalar::Enum(self.make_enum(desc)),
            Described::Bool => Scalar::Bool,
            Described::Int32 => Scalar::Int32,
            Described::Sint32 => Scalar::Sint32,
            Described::Sfixed32 => Scalar::Sfixed32,
            Described::Uint32 => Scalar::Uint32,
            Described::Fixed32 => Scalar::Fixed32,
            Described::Int64 => Scalar::Int64,
            Described::Sint64 => Scalar::Sint64,
            Described::Sfixed64 => Scalar::Sfixed64,
            Described::Uint64 => Scalar::Uint64,
            Described::Fixed64 => Scalar::Fixed64,
            Described::Float => Scalar::Float,
            Described::Double => Scalar::Double,
            Described::String => Scalar::String,
            Described::Bytes => Scalar::Bytes,
        })
    }

    fn make_enum(&mut self, desc: &EnumDescriptor) -> EnumId {
        if let Some(id) = self.enums.get(desc.full_name()) {
            return *id;
        }
        let mut by_name: Vec<(Box<str>, i32)> = desc
            .values()
            .map(|value| (value.name().into(), value.number()))
            .collect();
        by_name.sort_unstable();
        let mut numbers: Vec<i32> = desc.values().map(|value| value.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // Of aliases the descriptor has a favourite, which is to be printed.
        let json = |number| {
            let name = desc.get_value(number)?;
            Some((number, format!("\"{}\"", name.name()).into_bytes().into()))
        };
        let by_number = numbers.into_iter().filter_map(json).collect();
        let id = EnumId(self.shapes.enums.len() as u32);
        self.shapes.enums.push(Names {
            is_null: is_null_enum(desc),
            by_number,
            by_name,
        });
        self.enums.insert(desc.full_name().to_owned(), id);
        id
    }

    /// The JSON of what is absent.
    fn default(&self, scalar: Scalar, described: &Described) -> Option<Vec<u8>> {
        let zero = match (scalar.wire_type(), described) {
            (WireType::Varint, Described::Enum(desc)) => {
                Payload::Varint(i64::from(desc.default_value().number()) as u64)
            }
            (WireType::Varint, _) => Payload::Varint(0),
            (WireType::Fixed64, _) => Payload::Fixed64(0),
            (WireType::Fixed32, _) => Payload::Fixed32(0),
            (WireType::Bytes, _) => Payload::Bytes(b""),
        };
        let mut out = Vec::new();
        print::scalar(&self.shapes, &mut out, scalar, zero)?;
        Some(out)
    }
}

fn takes_null(described: &Described) -> bool {
    match described {
        Described::Message(desc) => desc.full_name() == "google.protobuf.Value",
        Described::Enum(desc) => is_null_enum(desc),
        _ => false,
    }
}

/// Whether only one of the field and others can be set: not so for the oneof that stands for
/// `optional`, which has one field.
pub(super) fn has_rivals(desc: &FieldDescriptor) -> bool {
    desc.containing_oneof()
        .is_some_and(|oneof| oneof.fields().len() > 1)
}

/// `None` is for more oneofs than there are bits.
fn oneof(desc: &FieldDescriptor) -> Option<u64> {
    if !has_rivals(desc) {
        return Some(0);
    }
    let own = desc.containing_oneof()?;
    let mut oneofs = desc.parent_message().oneofs();
    let index = oneofs.position(|oneof| oneof.full_name() == own.full_name())?;
    1_u64.checked_shl(u32::try_from(index).ok()?)
}

fn dense(list: &[Field]) -> Vec<Option<u32>> {
    let len = list.len() as u32;
    let Some(last) = list.last().map(|field| field.number) else {
        return Vec::new();
    };
    if last > len.saturating_mul(PLACES).saturating_add(SPARE) {
        return Vec::new();
    }
    let mut dense = vec![None; last as usize + 1];
    for (index, field) in (0..).zip(list) {
        if let Some(place) = dense.get_mut(field.number as usize) {
            *place = Some(index);
        }
    }
    dense
}

fn names(desc: &MessageDescriptor, list: &[Field]) -> Vec<(Box<str>, u32)> {
    let mut names: Vec<(Box<str>, u32)> = Vec::with_capacity(list.len());
    for field in desc.fields() {
        for name in [field.json_name(), field.name()] {
            // One field's JSON name can be the proto name of another.
            let number = field_path::field(desc, name).map(|field| field.number());
            let index = number.and_then(|number| {
                list.binary_search_by_key(&number, |field| field.number)
                    .ok()
            });
            names.extend(index.map(|index| (name.into(), index as u32)));
        }
    }
    names.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    names.dedup();
    names
}
