//! Well-known types that print as one value.

use super::{Printer, scalar};
use crate::plan::shape::{Field, Kind};
use crate::plan::wire::{Payload, Wire};

impl<'a> Printer<'_, 'a> {
    pub(super) fn wrapper(&mut self, field: &Field, bytes: &'a [u8]) -> Option<()> {
        let mut value = None;
        let mut wire = Wire(bytes);
        while !wire.is_empty() {
            let (number, payload) = wire.record()?;
            if number == field.number && value.replace(payload).is_some() {
                return None;
            }
        }
        let (Some(payload), Kind::Scalar(kind)) = (value, field.kind) else {
            self.out.extend_from_slice(&field.default);
            return Some(());
        };
        scalar(self.shapes, &mut self.out, kind, payload)
    }
}

/// The two fields of a timestamp or a duration.
pub(super) fn seconds_and_nanos(bytes: &[u8]) -> Option<(i64, i32)> {
    let (mut seconds, mut nanos) = (None, None);
    let mut wire = Wire(bytes);
    while !wire.is_empty() {
        let before = match wire.record()? {
            (1, Payload::Varint(value)) => seconds.replace(value as i64).is_some(),
            (2, Payload::Varint(value)) => nanos.replace(value as i32).is_some(),
            (1 | 2, _) => return None,
            _ => false,
        };
        if before {
            return None;
        }
    }
    Some((seconds.unwrap_or(0), nanos.unwrap_or(0)))
}
