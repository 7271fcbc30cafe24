//! Scalars and enums.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plan::shape::{Scalar, Shapes};
use crate::plan::wire::Payload;

/// Characters that are looked at together. Compilers make few instructions of it.
const TOGETHER: usize = 16;

/// Prints one value. `None` where the payload is none of its type.
#[inline]
pub(in super::super) fn scalar(
    shapes: &Shapes,
    out: &mut Vec<u8>,
    scalar: Scalar,
    payload: Payload<'_>,
) -> Option<()> {
    match (scalar, payload) {
        (Scalar::String, Payload::Bytes(bytes)) => return text(out, bytes),
        (Scalar::Bytes, Payload::Bytes(bytes)) => return base64(out, bytes),
        // What 32 bits do not hold is cut off, as prost does.
        (Scalar::Int32, Payload::Varint(value)) => json(out, &(value as i32))?,
        (Scalar::Sint32, Payload::Varint(value)) => json(out, &zigzag(u64::from(value as u32)))?,
        (Scalar::Sfixed32, Payload::Fixed32(value)) => json(out, &(value as i32))?,
        (Scalar::Uint32, Payload::Varint(value)) => json(out, &(value as u32))?,
        (Scalar::Fixed32, Payload::Fixed32(value)) => json(out, &value)?,
        (Scalar::Int64, Payload::Varint(value)) | (Scalar::Sfixed64, Payload::Fixed64(value)) => {
            quoted(out, &(value as i64))?;
        }
        (Scalar::Sint64, Payload::Varint(value)) => quoted(out, &zigzag(value))?,
        (Scalar::Uint64, Payload::Varint(value)) | (Scalar::Fixed64, Payload::Fixed64(value)) => {
            quoted(out, &value)?;
        }
        (Scalar::Bool, Payload::Varint(value)) => {
            out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
        }
        (Scalar::Float, Payload::Fixed32(bits)) => {
            let value = f32::from_bits(bits);
            match special(value.into()) {
                Some(name) => out.extend_from_slice(name),
                None => json(out, &value)?,
            }
        }
        (Scalar::Double, Payload::Fixed64(bits)) => {
            let value = f64::from_bits(bits);
            match special(value) {
                Some(name) => out.extend_from_slice(name),
                None => json(out, &value)?,
            }
        }
        (Scalar::Enum(id), Payload::Varint(value)) => {
            let (names, number) = (shapes.names(id), value as i32);
            match names.json(number) {
                _ if names.is_null => out.extend_from_slice(b"null"),
                Some(name) => out.extend_from_slice(name),
                None => json(out, &number)?,
            }
        }
        _ => return None,
    }
    Some(())
}

/// Prints a string. `None` where it is not UTF-8.
#[inline]
pub(in super::super) fn text(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    // Most text is plain; then it is neither decoded nor escaped.
    if !all(bytes, |b| is_plain(b) & b.is_ascii()) {
        let text = std::str::from_utf8(bytes).ok()?;
        if !all(bytes, is_plain) {
            return json(out, text);
        }
    }
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
    Some(())
}

/// Whether `serde_json` leaves the byte as it is.
#[inline]
fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

#[inline]
fn all(bytes: &[u8], good: impl Fn(u8) -> bool) -> bool {
    let (chunks, rest) = bytes.as_chunks::<TOGETHER>();
    // The last ones together too, some of them for the second time.
    let rest = bytes.last_chunk::<TOGETHER>().map_or(rest, |last| last);
    let good = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & good(*byte));
    chunks.iter().all(|chunk| good(chunk)) && good(rest)
}

fn base64(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.push(b'"');
    let start = out.len();
    out.resize(start + base64::encoded_len(bytes.len(), true)?, 0);
    STANDARD.encode_slice(bytes, out.get_mut(start..)?).ok()?;
    out.push(b'"');
    Some(())
}

fn json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Option<()> {
    serde_json::to_writer(out, value).ok()
}

fn quoted<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) -> Option<()> {
    out.push(b'"');
    json(&mut *out, value)?;
    out.push(b'"');
    Some(())
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_finite() {
        None
    } else if value.is_nan() {
        Some(b"\"NaN\"")
    } else if value > 0.0 {
        Some(b"\"Infinity\"")
    } else {
        Some(b"\"-Infinity\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_printed_as_serde_prints_it_wherever_it_stands() {
        let characters = (0..0x100)
            .filter_map(char::from_u32)
            .chain(['€', '\u{2028}', '😀']);
        for character in characters {
            for before in 0..40 {
                for after in [0, 1, 15, 16, 17] {
                    let line = format!("{}{character}{}", "x".repeat(before), "y".repeat(after));
                    let mut out = Vec::new();
                    text(&mut out, line.as_bytes()).unwrap();
                    assert_eq!(out, serde_json::to_vec(&line).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_is_not_utf_8_is_not_printed_wherever_it_stands() {
        for wrong in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
            for before in 0..40 {
                for after in [0, 1, 15, 16, 17] {
                    let bytes = [&vec![b'x'; before], wrong, &vec![b'y'; after]].concat();
                    assert_eq!(text(&mut Vec::new(), &bytes), None);
                }
            }
        }
    }
}
