//! Message types as tables: all that printing and reading ask of a descriptor, found once.

use prost_reflect::MessageDescriptor;

use super::wire::WireType;

/// The types of all contracts, each once. Types are recursive, so they refer to each other by index.
#[derive(Default)]
pub(crate) struct Shapes {
    pub(super) messages: Vec<Shape>,
    pub(super) enums: Vec<Names>,
}

/// A message type of [`Shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShapeId(pub(super) u32);

/// An enum of [`Shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EnumId(pub(super) u32);

pub(super) struct Shape {
    /// For what is left to dynamic messages.
    pub(super) desc: MessageDescriptor,
    pub(super) form: Form,
}

/// How a message's JSON looks.
pub(super) enum Form {
    /// An object with these fields.
    Object(Fields),
    Timestamp,
    Duration,
    /// One of `wrappers.proto`: the JSON of its only field.
    Wrapper(Box<Field>),
    /// Any other. Dynamic messages know.
    Left,
}

/// The fields of a message.
pub(super) struct Fields {
    /// By number, which is the order in which they are printed.
    pub(super) list: Vec<Field>,
    /// Where in the list each number is, if numbers are dense; otherwise empty.
    pub(super) dense: Vec<Option<u32>>,
    /// Where in the list each JSON name and each proto name is; by length, then by bytes.
    pub(super) names: Vec<(Box<str>, u32)>,
}

pub(super) struct Field {
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) many: Many,
    /// The wire type of one value.
    pub(super) wire_type: WireType,
    /// Zero is not written, because it is the same as absent.
    pub(super) skips_zero: bool,
    /// Null is a value of its own.
    pub(super) takes_null: bool,
    /// The bit of the oneof that it shares with others, or zero.
    pub(super) oneof: u64,
    pub(super) json_name: Box<str>,
    /// `,"name":`
    pub(super) opening: Box<[u8]>,
    /// The JSON of the default value; nothing for a message.
    pub(super) default: Box<[u8]>,
    /// What is printed when it is absent: `,"name":0`, or nothing.
    pub(super) absent: Box<[u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    One,
    List,
    /// A list of numbers that are written as one record.
    Packed,
    /// Its kind is the message of its entries, whose fields are the key and the value.
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    Message(ShapeId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Sint32,
    Sfixed32,
    Uint32,
    Fixed32,
    Int64,
    Sint64,
    Sfixed64,
    Uint64,
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(EnumId),
}

/// The values of an enum.
pub(super) struct Names {
    /// `google.protobuf.NullValue`, whose JSON is null.
    pub(super) is_null: bool,
    /// The JSON of each number, by number.
    pub(super) by_number: Vec<(i32, Box<[u8]>)>,
    /// By name, aliases too.
    pub(super) by_name: Vec<(Box<str>, i32)>,
}

// === impl Shapes ===

impl Shapes {
    // An index is only made for what is in the table, and nothing is ever taken out of it.
    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        &self.messages[id.0 as usize]
    }

    pub(super) fn names(&self, id: EnumId) -> &Names {
        &self.enums[id.0 as usize]
    }
}

// === impl Fields ===

impl Fields {
    #[inline]
    pub(super) fn by_number(&self, number: u32) -> Option<(usize, &Field)> {
        let index = if self.dense.is_empty() {
            self.list
                .binary_search_by_key(&number, |field| field.number)
                .ok()?
        } else {
            (*self.dense.get(number as usize)?)? as usize
        };
        self.list.get(index).map(|field| (index, field))
    }

    /// `hint` is where it probably is: clients keep to an order.
    #[inline]
    pub(super) fn by_name(&self, name: &str, hint: usize) -> Option<usize> {
        if let Some(field) = self.list.get(hint)
            && *field.json_name == *name
        {
            return Some(hint);
        }
        let key = (name.len(), name);
        self.names
            .binary_search_by_key(&key, |(name, _)| (name.len(), name))
            .ok()
            .and_then(|at| self.names.get(at))
            .map(|(_, index)| *index as usize)
    }
}

// === impl Scalar ===

impl Scalar {
    pub(super) fn wire_type(self) -> WireType {
        match self {
            Self::Bool
            | Self::Int32
            | Self::Sint32
            | Self::Uint32
            | Self::Int64
            | Self::Sint64
            | Self::Uint64
            | Self::Enum(_) => WireType::Varint,
            Self::Sfixed32 | Self::Fixed32 | Self::Float => WireType::Fixed32,
            Self::Sfixed64 | Self::Fixed64 | Self::Double => WireType::Fixed64,
            Self::String | Self::Bytes => WireType::Bytes,
        }
    }
}

// === impl Names ===

impl Names {
    pub(super) fn json(&self, number: i32) -> Option<&[u8]> {
        self.by_number
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()
            .and_then(|at| self.by_number.get(at))
            .map(|(_, json)| &**json)
    }

    pub(super) fn number(&self, name: &str) -> Option<i32> {
        self.by_name
            .binary_search_by_key(&name, |(name, _)| name)
            .ok()
            .and_then(|at| self.by_name.get(at))
            .map(|(_, number)| *number)
    }
}
