//! Scalars and enums from JSON and from text. Accepts what [`crate::scalar`] does, or less.

use base64::Engine as _;

use crate::plan::shape::{Scalar, Shapes};
use crate::plan::wire::Payload;
use crate::scalar::base64_engine;

/// A value as JSON has it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Given<'t> {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'t str),
}

impl<'t> Given<'t> {
    /// As a value of the type.
    pub(super) fn payload(self, shapes: &Shapes, scalar: Scalar) -> Option<Payload<'t>> {
        Some(match (scalar, self) {
            (Scalar::String, Self::Text(text)) => Payload::Bytes(text.as_bytes()),
            (Scalar::Bool, Self::Bool(value)) => Payload::Varint(value.into()),
            (Scalar::Enum(id), given) => {
                let names = shapes.names(id);
                let number = match given {
                    Self::Text(name) => names.number(name)?,
                    Self::Unsigned(number) => i32::try_from(number).ok()?,
                    Self::Signed(number) => i32::try_from(number).ok()?,
                    Self::Bool(_) | Self::Float(_) => return None,
                };
                names.json(number)?;
                varint(number)
            }
            (Scalar::Float | Scalar::Double, given) => return given.float(scalar),
            (scalar, Self::Unsigned(number)) => return whole(scalar, number.into()),
            (scalar, Self::Signed(number)) => return whole(scalar, number.into()),
            (scalar, Self::Text(text)) => return whole(scalar, integer(text)?),
            _ => return None,
        })
    }

    fn float(self, scalar: Scalar) -> Option<Payload<'t>> {
        let number = match self {
            Self::Unsigned(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Float(number) if number.is_finite() => number,
            Self::Text("NaN") => f64::NAN,
            Self::Text("Infinity") => f64::INFINITY,
            Self::Text("-Infinity") => f64::NEG_INFINITY,
            _ => return None,
        };
        if scalar == Scalar::Double {
            return Some(Payload::Fixed64(number.to_bits()));
        }
        if number.is_finite() && number.abs() > f64::from(f32::MAX) {
            return None;
        }
        Some(Payload::Fixed32((number as f32).to_bits()))
    }
}

/// A string, an integer, a boolean or an enum's name from the text of a path or of a map's key.
pub(in super::super) fn from_text<'t>(
    shapes: &Shapes,
    scalar: Scalar,
    text: &'t str,
) -> Option<Payload<'t>> {
    match (scalar, text) {
        (Scalar::Bool, "true") => Some(Payload::Varint(1)),
        (Scalar::Bool, "false") => Some(Payload::Varint(0)),
        (Scalar::Bool | Scalar::Bytes | Scalar::Float | Scalar::Double, _) => None,
        _ => Given::Text(text).payload(shapes, scalar),
    }
}

/// Whether the value is what an absent one is. There are two zeros of a float, which are the same
/// here.
pub(super) fn is_zero(scalar: Scalar, payload: Payload<'_>) -> bool {
    match payload {
        Payload::Fixed32(bits) if scalar == Scalar::Float => f32::from_bits(bits) == 0.0,
        Payload::Fixed64(bits) if scalar == Scalar::Double => f64::from_bits(bits) == 0.0,
        Payload::Varint(value) | Payload::Fixed64(value) => value == 0,
        Payload::Fixed32(value) => value == 0,
        Payload::Bytes(bytes) => bytes.is_empty(),
    }
}

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    base64_engine(text).decode(text).ok()
}

/// An integer in its only spelling.
fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let zero = digits.starts_with('0') && text != "0";
    if !plain || zero {
        return None;
    }
    match text.parse::<i64>() {
        Ok(number) => Some(number.into()),
        Err(_) => text.parse::<u64>().ok().map(i128::from),
    }
}

fn whole(scalar: Scalar, number: i128) -> Option<Payload<'static>> {
    Some(match scalar {
        Scalar::Int32 => varint(i32::try_from(number).ok()?),
        Scalar::Sint32 => {
            let number = i32::try_from(number).ok()?;
            Payload::Varint(u64::from((number << 1 ^ number >> 31) as u32))
        }
        Scalar::Sfixed32 => Payload::Fixed32(i32::try_from(number).ok()? as u32),
        Scalar::Uint32 => Payload::Varint(u32::try_from(number).ok()?.into()),
        Scalar::Fixed32 => Payload::Fixed32(u32::try_from(number).ok()?),
        Scalar::Int64 => Payload::Varint(i64::try_from(number).ok()? as u64),
        Scalar::Sint64 => {
            let number = i64::try_from(number).ok()?;
            Payload::Varint((number << 1 ^ number >> 63) as u64)
        }
        Scalar::Sfixed64 => Payload::Fixed64(i64::try_from(number).ok()? as u64),
        Scalar::Uint64 => Payload::Varint(u64::try_from(number).ok()?),
        Scalar::Fixed64 => Payload::Fixed64(u64::try_from(number).ok()?),
        _ => return None,
    })
}

/// A negative number has all its 64 bits.
fn varint(number: i32) -> Payload<'static> {
    Payload::Varint(i64::from(number) as u64)
}
