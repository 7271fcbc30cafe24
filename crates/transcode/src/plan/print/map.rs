//! Maps.

use super::{Printer, Slot, scalar, text};
use crate::plan::shape::{Field, Fields, Kind, Scalar};
use crate::plan::wire::{Payload, Wire, WireType};

/// A map's key, as it is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'a> {
    Number(u64),
    Text(&'a [u8]),
}

impl<'a> Printer<'_, 'a> {
    pub(super) fn map(
        &mut self,
        field: &Field,
        entry: &Fields,
        mut wire: Wire<'a>,
        count: u32,
        depth: usize,
    ) -> Option<()> {
        let [key, value] = entry.list.as_slice() else {
            return None;
        };
        let start = self.out.len();
        let first_key = self.keys.len();
        let mut left = count;
        while left > 0 {
            let (number, payload) = wire.record()?;
            if number != field.number {
                continue;
            }
            left -= 1;
            let Payload::Bytes(bytes) = payload else {
                return None;
            };
            let mark = self.scan(entry, bytes)?;
            let (key_slot, value_slot) = (*self.slots.get(mark)?, *self.slots.get(mark + 1)?);
            self.slots.truncate(mark);
            self.out.push(b',');
            let key = self.key(key, key_slot)?;
            self.keys.push(key);
            self.out.push(b':');
            match (value_slot, value.kind) {
                (Slot::One(payload), kind) => self.one(kind, payload, depth)?,
                (_, Kind::Message(id)) => self.message(id, b"", depth + 1)?,
                (_, Kind::Scalar(_)) => self.out.extend_from_slice(&value.default),
            }
        }
        // Of entries with the same key the last one counts, and it may be alike and not the same.
        let keys = self.keys.get_mut(first_key..)?;
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        self.keys.truncate(first_key);
        self.enclose(start, b'{', b'}');
        Some(())
    }

    /// Prints a map's key, which is always a string.
    fn key(&mut self, field: &Field, slot: Slot<'a>) -> Option<Key<'a>> {
        let Kind::Scalar(kind) = field.kind else {
            return None;
        };
        let payload = match slot {
            Slot::One(payload) => payload,
            _ => match field.wire_type {
                WireType::Varint => Payload::Varint(0),
                WireType::Fixed64 => Payload::Fixed64(0),
                WireType::Fixed32 => Payload::Fixed32(0),
                WireType::Bytes => Payload::Bytes(b""),
            },
        };
        let key = match (kind, payload) {
            (Scalar::String, Payload::Bytes(bytes)) => {
                text(&mut self.out, bytes)?;
                return Some(Key::Text(bytes));
            }
            (Scalar::Bool, Payload::Varint(value)) => u64::from(value != 0),
            // What 32 bits do not hold is cut off.
            (Scalar::Int32 | Scalar::Sint32 | Scalar::Uint32, Payload::Varint(value)) => {
                u64::from(value as u32)
            }
            (Scalar::Int64 | Scalar::Sint64 | Scalar::Uint64, Payload::Varint(value))
            | (Scalar::Fixed64 | Scalar::Sfixed64, Payload::Fixed64(value)) => value,
            (Scalar::Fixed32 | Scalar::Sfixed32, Payload::Fixed32(value)) => value.into(),
            _ => return None,
        };
        // Those of 64 bits are strings anyway.
        let start = self.out.len();
        scalar(self.shapes, &mut self.out, kind, payload)?;
        if self.out.get(start) != Some(&b'"') {
            self.out.insert(start, b'"');
            self.out.push(b'"');
        }
        Some(Key::Number(key))
    }
}
