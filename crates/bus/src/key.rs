//! The value that orders: the record key, read from an encoded message.

use std::fmt::Write as _;

use bytes::{Buf as _, Bytes};
use chassis::contract::Method;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind};

/// The record key of a call of `method` with `message`, an encoded request: the value of the field
/// that the contract orders by. Text is itself, numbers and enums are in decimal, a bool is `true` or
/// `false`, bytes are in hexadecimal. `None` where the contract orders by nothing, where the text or
/// the bytes are empty, and where the message cannot be read.
#[must_use]
pub fn of(method: &Method, message: &Bytes) -> Option<String> {
    let field = method.key.as_ref()?;
    let key = read(field, message.clone())?;
    (!key.is_empty()).then_some(key)
}

/// Reads over the fields without building the message: it may be large, and most of it is not
/// wanted.
fn read(field: &FieldDescriptor, mut message: Bytes) -> Option<String> {
    let mut key = None;
    while message.has_remaining() {
        let (number, wire_type) = decode_key(&mut message).ok()?;
        if number == field.number() && wire_type == wire_type_of(&field.kind())? {
            // The last one counts, as for every decoder of protobuf.
            key = Some(value(&field.kind(), &mut message)?);
        } else {
            skip_field(wire_type, number, &mut message, DecodeContext::default()).ok()?;
        }
    }
    Some(key.unwrap_or_else(|| absent(&field.kind())))
}

fn wire_type_of(kind: &Kind) -> Option<WireType> {
    match kind {
        Kind::String | Kind::Bytes => Some(WireType::LengthDelimited),
        Kind::Fixed32 | Kind::Sfixed32 => Some(WireType::ThirtyTwoBit),
        Kind::Fixed64 | Kind::Sfixed64 => Some(WireType::SixtyFourBit),
        Kind::Double | Kind::Float | Kind::Message(_) => None,
        _ => Some(WireType::Varint),
    }
}

fn absent(kind: &Kind) -> String {
    match kind {
        Kind::String | Kind::Bytes => String::new(),
        Kind::Bool => "false".into(),
        Kind::Enum(descriptor) => descriptor.default_value().number().to_string(),
        _ => "0".into(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "protobuf cuts and reinterprets varints so"
)]
fn value(kind: &Kind, message: &mut Bytes) -> Option<String> {
    Some(match kind {
        Kind::String => String::from_utf8(delimited(message)?.to_vec()).ok()?,
        Kind::Bytes => hexadecimal(&delimited(message)?),
        Kind::Fixed32 => message.try_get_u32_le().ok()?.to_string(),
        Kind::Sfixed32 => message.try_get_i32_le().ok()?.to_string(),
        Kind::Fixed64 => message.try_get_u64_le().ok()?.to_string(),
        Kind::Sfixed64 => message.try_get_i64_le().ok()?.to_string(),
        _ => {
            let number = decode_varint(message).ok()?;
            match kind {
                Kind::Bool => (number != 0).to_string(),
                Kind::Uint64 => number.to_string(),
                Kind::Uint32 => (number as u32).to_string(),
                Kind::Int64 => (number as i64).to_string(),
                Kind::Int32 | Kind::Enum(_) => (number as i32).to_string(),
                Kind::Sint32 => zigzag(u64::from(number as u32)).to_string(),
                Kind::Sint64 => zigzag(number).to_string(),
                _ => return None,
            }
        }
    })
}

fn delimited(message: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(decode_varint(message).ok()?).ok()?;
    (length <= message.remaining()).then(|| message.split_to(length))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[expect(clippy::cast_possible_wrap, reason = "half of it is not negative")]
fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests;
