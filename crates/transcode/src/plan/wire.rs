//! Protobuf's wire format, as far as ordinary messages use it: no groups. Reading never panics, and
//! takes what prost takes or less.

/// How a record's payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

// === impl Payload ===

impl Payload<'_> {
    pub(super) fn wire_type(self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::Fixed64,
            Self::Bytes(_) => WireType::Bytes,
            Self::Fixed32(_) => WireType::Fixed32,
        }
    }
}

// === impl Wire ===

impl<'a> Wire<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next record: the number of its field, and its payload.
    #[inline]
    pub(super) fn record(&mut self) -> Option<(u32, Payload<'a>)> {
        let key = u32::try_from(self.varint()?).ok()?;
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            5 => WireType::Fixed32,
            _ => return None,
        };
        let number = key >> 3;
        if number == 0 {
            return None;
        }
        Some((number, self.payload(wire_type)?))
    }

    /// A payload without a key, as packed lists hold them.
    #[inline]
    pub(super) fn payload(&mut self, wire_type: WireType) -> Option<Payload<'a>> {
        Some(match wire_type {
            WireType::Varint => Payload::Varint(self.varint()?),
            WireType::Fixed64 => Payload::Fixed64(u64::from_le_bytes(*self.array()?)),
            WireType::Bytes => {
                let len = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                Payload::Bytes(bytes)
            }
            WireType::Fixed32 => Payload::Fixed32(u32::from_le_bytes(*self.array()?)),
        })
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        if first < 0x80 {
            self.0 = rest;
            return Some(first.into());
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for index in 0..10 {
            let byte = *self.0.get(index)?;
            // Of the tenth byte only one bit is left.
            if index == 9 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.0 = self.0.get(index + 1..)?;
                return Some(value);
            }
        }
        None
    }
}

/// A record's key.
#[inline]
pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number << 3 | wire_type as u32));
}

#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A payload without its key.
#[inline]
pub(super) fn put_payload(out: &mut Vec<u8>, payload: Payload<'_>) {
    match payload {
        Payload::Varint(value) => put_varint(out, value),
        Payload::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Payload::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Payload::Bytes(bytes) => {
            put_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
}

/// Leaves room for a length; the result is for [`close`].
pub(super) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Writes how much came since [`open`]. Most is shorter than 128 bytes, and has its room already; of
/// longer lengths all but the first byte is written behind, and turned to the front.
pub(super) fn close(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start;
    let (first, rest) = (len as u8, len >> 7);
    if let Some(room) = out.get_mut(start - 1) {
        *room = if rest == 0 { first } else { first | 0x80 };
    }
    if rest > 0 {
        put_varint(out, rest as u64);
        if let Some(behind) = out.get_mut(start..) {
            behind.rotate_right(behind.len() - len);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::encoding::{decode_varint, encode_varint};

    use super::*;

    proptest! {
        #[test]
        fn varints_are_those_of_prost(bytes in prop::collection::vec(any::<u8>(), 0..12), value: u64) {
            let mut rest = bytes.as_slice();
            let expected = decode_varint(&mut rest).ok();
            let mut wire = Wire(&bytes);
            prop_assert_eq!(wire.varint(), expected);
            if expected.is_some() {
                prop_assert_eq!(wire.0, rest);
            }
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            put_varint(&mut ours, value >> (value & 63));
            encode_varint(value >> (value & 63), &mut theirs);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn lengths_are_written_before_what_they_measure() {
        for len in [0, 1, 127, 128, 300, 20_000] {
            let mut out = b"before".to_vec();
            let start = open(&mut out);
            out.extend(std::iter::repeat_n(7, len));
            close(&mut out, start);
            let mut expected = b"before".to_vec();
            put_payload(&mut expected, Payload::Bytes(&vec![7; len]));
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn what_is_cut_off_or_a_group_is_no_record() {
        for bytes in [
            &b"\x08"[..],
            b"\x0a\x02a",
            b"\x0d\0\0\0",
            b"\x09\0\0\0\0\0\0\0",
            b"\x0b\x0c",
            b"\x0c",
            b"\x0e",
            b"\x00\x00",
            b"\x80",
            b"\xff\xff\xff\xff\x7f\0",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(Wire(bytes).record(), None, "{bytes:?}");
        }
    }
}
