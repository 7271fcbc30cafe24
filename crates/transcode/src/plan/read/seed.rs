//! What serde calls while it parses: each visitor only hands on to [`Reader`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Given, Reader, Role, refuse};
use crate::plan::shape::{Field, Fields};

/// The fields of a message, as the whole text.
pub(super) struct Object<'r, 's, 'de> {
    pub(super) reader: &'r mut Reader<'s, 'de>,
    pub(super) fields: &'s Fields,
}

/// The value of a field. Read, it is whether there was one: null is none.
pub(super) struct Value<'r, 's, 'de> {
    pub(super) reader: &'r mut Reader<'s, 'de>,
    pub(super) field: &'s Field,
    pub(super) role: Role,
}

/// The name of a field. Read, it is the field's place in the list.
pub(super) struct Key<'s> {
    pub(super) fields: &'s Fields,
    pub(super) hint: usize,
}

/// The key of a map.
pub(super) struct Text;

// === impl Object ===

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.reader.object(self.fields, map)
    }
}

// === impl Value ===

impl Value<'_, '_, '_> {
    fn given<E: Error>(self, given: Given<'_>) -> Result<bool, E> {
        match self.reader.given(self.field, self.role, given) {
            Some(()) => Ok(true),
            None => Err(refuse()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        if self.role != Role::Whole || self.field.takes_null {
            return Err(refuse());
        }
        Ok(false)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.given(Given::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.given(Given::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.given(Given::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        self.given(Given::Float(value))
    }

    /// Text as it stands in the JSON has no control characters.
    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<bool, E> {
        self.given(Given::Text(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        if value.contains('\0') {
            return Err(refuse());
        }
        self.given(Given::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        self.reader.list(self.field, self.role, seq)?;
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        self.reader.map(self.field, self.role, map)?;
        Ok(true)
    }
}

// === impl Key ===

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        self.fields.by_name(name, self.hint).ok_or_else(refuse)
    }
}

// === impl Text ===

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        if key.contains('\0') {
            return Err(refuse());
        }
        Ok(Cow::Owned(key.to_owned()))
    }
}
