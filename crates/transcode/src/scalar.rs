//! Scalars and enums from JSON and from the text of paths, queries and forms.
//!
//! Source: the table "ProtoJSON Format" of the protobuf documentation. Integers may be strings and
//! whole floats, floats may be strings, bytes may be in either base64 alphabet with or without
//! padding, enums may be names or numbers. Text has the same forms, without quotes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MapKey, Value};
use serde_json::{Number, Value as Json};

use crate::wkt;

/// What was expected instead.
pub(crate) type Expected = &'static str;

const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, BASE64);

/// A scalar or an enum from JSON that is not null, save for `google.protobuf.NullValue`.
pub(crate) fn from_json(kind: &Kind, json: &Json) -> Result<Value, Expected> {
    match (kind, json) {
        (Kind::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (Kind::String, Json::String(text)) => Ok(Value::String(text.clone())),
        (Kind::Bytes, Json::String(text)) => base64(text),
        (Kind::Enum(desc), Json::String(name)) => by_name(desc, name),
        // Written as an integer: prost-reflect takes no 1.0 here, nor the -0 that reads as -0.0.
        (Kind::Enum(desc), Json::Number(number)) => {
            let number = number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok());
            by_number(desc, number)
        }
        (Kind::Enum(desc), Json::Null) if is_null_enum(desc) => Ok(Value::EnumNumber(0)),
        (Kind::Bool | Kind::String | Kind::Bytes | Kind::Enum(_), _) => Err(expected(kind)),
        (Kind::Double | Kind::Float, Json::String(text)) => number_from_text(kind, text),
        (_, Json::String(text)) => number_from_text(kind, text).or_else(|expected| {
            // In any of JSON's spellings.
            let number = text.parse().map_err(|_| expected)?;
            whole(kind, integer(&number))
        }),
        (Kind::Double | Kind::Float, Json::Number(number)) => {
            float(kind, number.as_f64().ok_or(expected(kind))?)
        }
        (_, Json::Number(number)) => whole(kind, integer(number)),
        _ => Err(expected(kind)),
    }
}

/// A scalar, an enum or a well-known type that is text, from text.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Result<Value, Expected> {
    match kind {
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(expected(kind)),
        },
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Bytes => base64(text),
        Kind::Enum(desc) => match text.parse() {
            Ok(number) => by_number(desc, Some(number)),
            Err(_) => by_name(desc, text),
        },
        Kind::Message(desc) if wkt::is_wrapper(desc.full_name()) => {
            let mut message = DynamicMessage::new(desc.clone());
            let inner = desc.get_field(1).ok_or("expected a wrapper")?;
            message.set_field(&inner, from_text(&inner.kind(), text)?);
            Ok(Value::Message(message))
        }
        Kind::Message(desc) => wkt::from_text(desc, text)
            .map(Value::Message)
            .ok_or_else(|| wkt::expected(desc.full_name())),
        _ => number_from_text(kind, text),
    }
}

/// The text that [`from_text`] reads as this value.
pub(crate) fn to_text(kind: &Kind, value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => float_text((*value).into(), value),
        Value::F64(value) => float_text(*value, value),
        Value::String(value) => value.clone(),
        Value::Bytes(value) => URL_SAFE_NO_PAD.encode(value),
        Value::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|desc| desc.get_value(*number));
            name.map_or_else(|| number.to_string(), |name| name.name().to_owned())
        }
        Value::Message(message) => match serde_json::to_value(message).ok()? {
            Json::String(text) => text,
            json @ (Json::Number(_) | Json::Bool(_)) => json.to_string(),
            _ => return None,
        },
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// `printed` as `number` is: the shorter type's digits, where it is one.
fn float_text(number: f64, printed: &impl ToString) -> String {
    special_name(number).map_or_else(|| printed.to_string(), str::to_owned)
}

/// What a float is called that is no number of digits.
pub(crate) fn special_name(number: f64) -> Option<&'static str> {
    if number.is_finite() {
        None
    } else if number.is_nan() {
        Some("NaN")
    } else if number > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
    }
}

/// A map's key from text.
pub(crate) fn key_from_text(kind: &Kind, text: &str) -> Result<MapKey, Expected> {
    from_text(kind, text)?
        .into_map_key()
        .ok_or("this type cannot be a map's key")
}

fn number_from_text(kind: &Kind, text: &str) -> Result<Value, Expected> {
    if !matches!(kind, Kind::Double | Kind::Float) {
        // Digits first, so that `+1`, ` 1` and an empty text are refused.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        return whole(kind, text.parse().ok().filter(|_| plain));
    }
    let special = match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => {
            let plain = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
            if !text.bytes().all(plain) {
                return Err(expected(kind));
            }
            return float(kind, text.parse().map_err(|_| expected(kind))?);
        }
    };
    Ok(match kind {
        Kind::Float => Value::F32(special as f32),
        _ => Value::F64(special),
    })
}

/// Any whole JSON number: `1`, `1.0` and `1e0` are the same. What is not written as a plain integer, or
/// is larger than 64 bits, was read as a float; of a large one nobody knows which number was meant.
fn integer(number: &Number) -> Option<i128> {
    /// 2^53: below, each whole number is a float of its own.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    number
        .as_f64()
        .filter(|float| float.fract() == 0.0 && float.abs() < LIMIT)
        .map(|float| float as i128)
}

fn whole(kind: &Kind, number: Option<i128>) -> Result<Value, Expected> {
    let value = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            number.and_then(|n| n.try_into().ok()).map(Value::I32)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            number.and_then(|n| n.try_into().ok()).map(Value::I64)
        }
        Kind::Uint32 | Kind::Fixed32 => number.and_then(|n| n.try_into().ok()).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => number.and_then(|n| n.try_into().ok()).map(Value::U64),
        _ => None,
    };
    value.ok_or(expected(kind))
}

fn float(kind: &Kind, number: f64) -> Result<Value, Expected> {
    match kind {
        _ if !number.is_finite() => Err(expected(kind)),
        // The greatest is printed with fewer digits than it has, which are a little more.
        Kind::Float if !(number as f32).is_finite() => Err(expected(kind)),
        Kind::Float => Ok(Value::F32(number as f32)),
        _ => Ok(Value::F64(number)),
    }
}

/// For the alphabet that the text is written in.
pub(crate) fn base64_engine(text: &str) -> &'static GeneralPurpose {
    if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    }
}

fn base64(text: &str) -> Result<Value, Expected> {
    base64_engine(text)
        .decode(text)
        .map(|bytes| Value::Bytes(Bytes::from(bytes)))
        .map_err(|_| "expected base64")
}

/// Whether this is a name that the enum does not have.
pub(crate) fn is_unknown_name(kind: &Kind, json: &Json) -> bool {
    let (Kind::Enum(desc), Json::String(name)) = (kind, json) else {
        return false;
    };
    desc.get_value_by_name(name).is_none()
}

/// The same for text, which may also be a number.
pub(crate) fn is_unknown_text(kind: &Kind, text: &str) -> bool {
    let Kind::Enum(desc) = kind else {
        return false;
    };
    desc.get_value_by_name(text).is_none() && text.parse::<i32>().is_err()
}

fn by_name(desc: &EnumDescriptor, name: &str) -> Result<Value, Expected> {
    desc.get_value_by_name(name)
        .map(|value| Value::EnumNumber(value.number()))
        .ok_or("expected one of the enum's names")
}

/// Numbers without a name are kept, as ProtoJSON asks of open enums.
fn by_number(desc: &EnumDescriptor, number: Option<i32>) -> Result<Value, Expected> {
    let number = number.ok_or("expected one of the enum's names or numbers")?;
    let proto3 = desc.parent_file().syntax() == prost_reflect::Syntax::Proto3;
    if proto3 || desc.get_value(number).is_some() {
        Ok(Value::EnumNumber(number))
    } else {
        Err("expected one of the enum's names or numbers")
    }
}

pub(crate) fn is_null_enum(desc: &EnumDescriptor) -> bool {
    desc.full_name() == "google.protobuf.NullValue"
}

fn expected(kind: &Kind) -> Expected {
    match kind {
        Kind::Double => "expected a number",
        Kind::Float => "expected a number that fits in 32 bits",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "expected a whole number of 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "expected a whole number of 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "expected a whole number of 32 bits, not negative",
        Kind::Uint64 | Kind::Fixed64 => "expected a whole number of 64 bits, not negative",
        Kind::Bool => "expected true or false",
        Kind::String => "expected a string",
        Kind::Bytes => "expected a string of base64",
        Kind::Enum(_) => "expected one of the enum's names",
        Kind::Message(_) => "expected an object",
    }
}
