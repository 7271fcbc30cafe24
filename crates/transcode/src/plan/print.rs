//! Wire bytes to JSON, as prost-reflect prints a message with its default values, without making
//! the message. `None` is for all that is not ordinary, be it wrong or only rare.

mod left;
mod map;
mod scalar;
mod well_known;

use super::shape::{Field, Fields, Form, Kind, Many, ShapeId, Shapes};
use super::wire::{Payload, Wire, WireType};
use crate::time;
use map::Key;
pub(super) use scalar::{scalar, text};
use well_known::seconds_and_nanos;

/// Messages may nest so deep. Prost's limit is 100, but one level less where unknown fields are
/// skipped; who comes near to it is left to prost.
const MAX_DEPTH: usize = 90;

/// Fields of a message and of those inside of it, in most answers.
const SLOTS: usize = 32;

/// What a message says of one of its fields.
#[derive(Clone, Copy)]
enum Slot<'a> {
    Absent,
    One(Payload<'a>),
    /// As many records, the first of which begins here. Others can be in between.
    Many(Wire<'a>, u32),
}

pub(super) struct Printer<'s, 'a> {
    shapes: &'s Shapes,
    out: Vec<u8>,
    /// Those of the messages around the current one, then its own.
    slots: Vec<Slot<'a>>,
    /// The same for keys of maps.
    keys: Vec<Key<'a>>,
}

impl<'s, 'a> Printer<'s, 'a> {
    pub(super) fn new(shapes: &'s Shapes, bytes: &[u8]) -> Self {
        Self {
            shapes,
            // JSON has names besides.
            out: Vec::with_capacity(bytes.len() + bytes.len() / 2 + 128),
            slots: Vec::with_capacity(SLOTS),
            keys: Vec::new(),
        }
    }

    /// The JSON of a message.
    pub(super) fn whole(mut self, id: ShapeId, bytes: &'a [u8]) -> Option<Vec<u8>> {
        self.message(id, bytes, 0)?;
        Some(self.out)
    }

    /// The JSON of one of its fields, at `index`. The others are printed and thrown away: they too
    /// have to be right.
    pub(super) fn field(
        mut self,
        fields: &Fields,
        bytes: &'a [u8],
        index: usize,
    ) -> Option<Vec<u8>> {
        self.scan(fields, bytes)?;
        let mut result = None;
        for (at, field) in fields.list.iter().enumerate() {
            self.out.clear();
            match *self.slots.get(at)? {
                Slot::Absent if field.absent.is_empty() => self.out.extend_from_slice(b"null"),
                Slot::Absent => self.out.extend_from_slice(&field.default),
                slot => self.value(field, slot, 0)?,
            }
            if at == index {
                result = Some(std::mem::take(&mut self.out));
            }
        }
        result
    }

    fn message(&mut self, id: ShapeId, bytes: &'a [u8], depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let shapes = self.shapes;
        let shape = shapes.shape(id);
        match &shape.form {
            Form::Object(fields) => self.object(fields, bytes, depth),
            Form::Timestamp => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                time::print_timestamp(&mut self.out, seconds, nanos)
            }
            Form::Duration => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                time::print_duration(&mut self.out, seconds, nanos)
            }
            Form::Wrapper(field) => self.wrapper(field, bytes),
            Form::Left => left::print(&mut self.out, &shape.desc, bytes, MAX_DEPTH - depth),
        }
    }

    fn object(&mut self, fields: &Fields, bytes: &'a [u8], depth: usize) -> Option<()> {
        let mark = self.scan(fields, bytes)?;
        let start = self.out.len();
        for (index, field) in fields.list.iter().enumerate() {
            match *self.slots.get(mark + index)? {
                Slot::Absent => self.out.extend_from_slice(&field.absent),
                slot => {
                    self.out.extend_from_slice(&field.opening);
                    self.value(field, slot, depth)?;
                }
            }
        }
        self.slots.truncate(mark);
        self.enclose(start, b'{', b'}');
        Some(())
    }

    /// Each member was written with a comma before it; the first one makes room for the bracket.
    fn enclose(&mut self, start: usize, open: u8, close: u8) {
        match self.out.get_mut(start) {
            Some(comma) => *comma = open,
            None => self.out.push(open),
        }
        self.out.push(close);
    }

    /// Finds what the message says of its fields. The slots are from the returned one on.
    fn scan(&mut self, fields: &Fields, bytes: &'a [u8]) -> Option<usize> {
        let mark = self.slots.len();
        self.slots.resize(mark + fields.list.len(), Slot::Absent);
        let slots = self.slots.get_mut(mark..)?;
        let mut oneofs = 0;
        let mut wire = Wire(bytes);
        while !wire.is_empty() {
            let here = wire;
            let (number, payload) = wire.record()?;
            let Some((index, field)) = fields.by_number(number) else {
                continue;
            };
            let packed = field.many != Many::One && payload.wire_type() == WireType::Bytes;
            if payload.wire_type() != field.wire_type && !packed {
                return None;
            }
            let slot = slots.get_mut(index)?;
            *slot = match (field.many, *slot) {
                (Many::One, Slot::Absent) if field.oneof & oneofs == 0 => Slot::One(payload),
                // Messages would have to be merged, and of scalars the first ones be checked.
                (Many::One, _) => return None,
                (_, Slot::Many(first, count)) => Slot::Many(first, count.checked_add(1)?),
                _ => Slot::Many(here, 1),
            };
            oneofs |= field.oneof;
        }
        Some(mark)
    }

    fn value(&mut self, field: &Field, slot: Slot<'a>, depth: usize) -> Option<()> {
        match (slot, field.kind) {
            (Slot::Absent, _) => None,
            (Slot::One(payload), _) => self.one(field.kind, payload, depth),
            (Slot::Many(wire, count), Kind::Message(entry)) if field.many == Many::Map => {
                let shapes = self.shapes;
                match &shapes.shape(entry).form {
                    Form::Object(entry) => self.map(field, entry, wire, count, depth),
                    _ => None,
                }
            }
            (Slot::Many(wire, count), _) => self.list(field, wire, count, depth),
        }
    }

    #[inline]
    fn one(&mut self, kind: Kind, payload: Payload<'a>, depth: usize) -> Option<()> {
        match (kind, payload) {
            (Kind::Scalar(kind), payload) => scalar(self.shapes, &mut self.out, kind, payload),
            (Kind::Message(id), Payload::Bytes(bytes)) => self.message(id, bytes, depth + 1),
            (Kind::Message(_), _) => None,
        }
    }

    fn list(&mut self, field: &Field, mut wire: Wire<'a>, count: u32, depth: usize) -> Option<()> {
        let start = self.out.len();
        let mut left = count;
        while left > 0 {
            let (number, payload) = wire.record()?;
            if number != field.number {
                continue;
            }
            left -= 1;
            match payload {
                // Packed, whether or not the contract says so.
                Payload::Bytes(bytes) if field.wire_type != WireType::Bytes => {
                    let mut wire = Wire(bytes);
                    while !wire.is_empty() {
                        let payload = wire.payload(field.wire_type)?;
                        self.out.push(b',');
                        self.one(field.kind, payload, depth)?;
                    }
                }
                payload => {
                    self.out.push(b',');
                    self.one(field.kind, payload, depth)?;
                }
            }
        }
        self.enclose(start, b'[', b']');
        Some(())
    }
}
