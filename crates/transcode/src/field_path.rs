//! Dotted paths to a field inside a message, and setting the value there.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

use crate::{scalar, wkt};

/// Contracts may name fields this deep; nobody nests deeper, and recursive messages would let one.
const MAX_DEPTH: usize = 32;

/// A path whose every step but the last is a singular message. Never empty.
#[derive(Clone, PartialEq)]
pub(crate) struct FieldPath {
    pub(crate) fields: Vec<FieldDescriptor>,
}

/// Why a path leads nowhere; `at` is the step to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathError<'p> {
    /// The message has no such field.
    Unknown { at: &'p str },
    /// A step into something that is not a singular message.
    NotMessage { at: &'p str },
    /// More steps than the depth limit allows.
    TooDeep,
}

impl FieldPath {
    /// Follows `path` from `message`; every step may be a proto or a JSON name.
    pub(crate) fn resolve<'p>(
        message: &MessageDescriptor,
        path: &'p str,
        max_depth: usize,
    ) -> Result<Self, PathError<'p>> {
        let mut fields: Vec<FieldDescriptor> = Vec::new();
        for step in path.split('.') {
            if fields.len() >= max_depth {
                return Err(PathError::TooDeep);
            }
            let parent = match fields.last() {
                None => message.clone(),
                Some(field) => match field.kind() {
                    Kind::Message(inner) if field.cardinality() != REPEATED => inner,
                    _ => return Err(PathError::NotMessage { at: step }),
                },
            };
            let field = field(&parent, step).ok_or(PathError::Unknown { at: step })?;
            fields.push(field);
        }
        Ok(Self { fields })
    }

    /// Follows a path of a contract to a field whose value can be text. `place` is what it is named
    /// for, such as `a path`.
    ///
    /// # Errors
    /// Why it cannot be that, as a sentence.
    pub(crate) fn textual(
        message: &MessageDescriptor,
        name: &str,
        place: &str,
    ) -> Result<Self, String> {
        let path = Self::resolve(message, name, MAX_DEPTH).map_err(|error| match error {
            PathError::Unknown { at } => {
                format!("`{name}`: {} leads to no field `{at}`", message.full_name())
            }
            PathError::NotMessage { at } => {
                format!("`{name}`: what is before `{at}` is not a singular message")
            }
            PathError::TooDeep => format!("`{name}`: nested too deeply"),
        })?;
        let leaf = path.leaf();
        if leaf.is_list() || leaf.is_map() {
            return Err(format!("`{name}` is repeated, which {place} cannot bind"));
        }
        if !is_textual(&leaf.kind()) {
            return Err(format!("`{name}` is a message, which {place} cannot bind"));
        }
        Ok(path)
    }

    /// The value as text; `None` where it, or a message that would hold it, is not set.
    pub(crate) fn text(&self, message: &DynamicMessage) -> Option<String> {
        let (leaf, parents) = self.fields.split_last()?;
        let mut at = std::borrow::Cow::Borrowed(message);
        for parent in parents {
            if !at.has_field(parent) {
                return None;
            }
            let inner = at.get_field(parent).as_message()?.clone();
            at = std::borrow::Cow::Owned(inner);
        }
        if leaf.supports_presence() && !at.has_field(leaf) {
            return None;
        }
        scalar::to_text(&leaf.kind(), &at.get_field(leaf))
    }

    /// The field that the path ends at.
    pub(crate) fn leaf(&self) -> &FieldDescriptor {
        self.fields
            .last()
            .expect("resolve splits a string, which has at least one part")
    }

    /// As a path of a `FieldMask`: proto names, down to the first field whose value is one for
    /// ProtoJSON.
    pub(crate) fn masked(&self) -> String {
        let inside = self.fields.iter().position(|field| match field.kind() {
            Kind::Message(message) => wkt::is_special(message.full_name()),
            _ => true,
        });
        let end = inside.map_or(self.fields.len(), |at| at + 1);
        let names: Vec<_> = self.fields[..end]
            .iter()
            .map(FieldDescriptor::name)
            .collect();
        names.join(".")
    }

    /// Whether `self` leads to `other` or to something that holds it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.fields.starts_with(&self.fields)
    }

    /// Makes room for the value: whatever else is set in a oneof that it or a message before it is in.
    pub(crate) fn clear_rivals(&self, message: &mut DynamicMessage) {
        let mut at = message;
        for field in &self.fields {
            for rival in field
                .containing_oneof()
                .iter()
                .flat_map(OneofDescriptor::fields)
            {
                if rival.number() != field.number() {
                    at.clear_field(&rival);
                }
            }
            let Some(inner) = at.get_field_mut(field).as_message_mut() else {
                return;
            };
            at = inner;
        }
    }

    /// The place of the value, made if need be. An error is the name of the oneof that another
    /// of whose members is set.
    pub(crate) fn slot<'m>(
        &self,
        message: &'m mut DynamicMessage,
    ) -> Result<&'m mut Value, String> {
        let (leaf, parents) = self
            .fields
            .split_last()
            .expect("resolve splits a string, which has at least one part");
        let mut at = message;
        for parent in parents {
            free_oneof(at, parent)?;
            at = at
                .get_field_mut(parent)
                .as_message_mut()
                .expect("resolve lets only singular messages be steps");
        }
        free_oneof(at, leaf)?;
        Ok(at.get_field_mut(leaf))
    }
}

const REPEATED: prost_reflect::Cardinality = prost_reflect::Cardinality::Repeated;

/// A field by its JSON name or its proto name.
pub(crate) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(name)
        .or_else(|| message.get_field_by_name(name))
}

/// Whether the field can take its value from text: scalars, enums and the well-known types whose
/// JSON is a string, a number or a boolean.
pub(crate) fn is_textual(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => wkt::is_textual(message.full_name()),
        _ => true,
    }
}

/// An error is the name of the oneof in which a member other than `field` is set.
pub(crate) fn free_oneof(message: &DynamicMessage, field: &FieldDescriptor) -> Result<(), String> {
    let Some(oneof) = field.containing_oneof() else {
        return Ok(());
    };
    let taken = oneof
        .fields()
        .any(|other| other.number() != field.number() && message.has_field(&other));
    if taken {
        Err(oneof.name().to_owned())
    } else {
        Ok(())
    }
}
