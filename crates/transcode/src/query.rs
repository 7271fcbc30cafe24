//! Query strings and form bodies: `key=value` pairs into a message.
//!
//! A key is the dotted path of a field, in JSON or proto names: `page.size=3`. A repeated field may
//! come many times, a map's entry is `labels[key]=value`. Source: `google.api.HttpRule`, which
//! defines paths and repetition; map entries are as in grpc-gateway and OpenAPI's `deepObject`.

use std::collections::HashSet;

use indexmap::IndexSet;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::error::RequestError;
use crate::field_path::{FieldPath, PathError, is_textual};
use crate::path::decode_query;
use crate::scalar;
use crate::violations::Violations;

/// How pairs are read.
pub(crate) struct Pairs<'a> {
    pub(crate) max_depth: usize,
    /// Skip keys that the message does not know, and names that an enum does not.
    pub(crate) ignore_unknown: bool,
    /// Keys of these fields have no effect: the path or the body decides.
    pub(crate) decided: &'a [&'a FieldPath],
}

/// The scalars set so far, and the oneofs by the way.
type Seen = HashSet<(Vec<u32>, Option<MapKey>)>;

/// The pairs of a query or form. Empty pairs (`a=1&&b=2`) are skipped.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The proto paths of the fields that a form fills, down to lists, maps and well-known types, each
/// once: what a PATCH means when it gives no mask. What was skipped is passed over.
pub(crate) fn paths_of(desc: &MessageDescriptor, form: &str, max_depth: usize) -> Vec<String> {
    let mut paths = IndexSet::new();
    for (key, value) in pairs(form) {
        let (Ok(key), Ok(value)) = (decode_query(key), decode_query(value)) else {
            continue;
        };
        let name = key.split_once('[').map_or(&*key, |(name, _)| name);
        if let Ok(path) = FieldPath::resolve(desc, name, max_depth)
            && (path.leaf().is_list() || !scalar::is_unknown_text(&path.leaf().kind(), &value))
        {
            paths.insert(path.masked());
        }
    }
    paths.into_iter().collect()
}

impl Pairs<'_> {
    /// Reads all pairs into `message`; wrong fields go to `violations`.
    ///
    /// # Errors
    /// When an escape is broken.
    pub(crate) fn read(
        &self,
        text: &str,
        message: &mut DynamicMessage,
        violations: &mut Violations,
    ) -> Result<(), RequestError> {
        let mut seen = Seen::new();
        for (key, value) in pairs(text) {
            if violations.is_full() {
                break;
            }
            let key = decode_query(key)
                .map_err(|error| RequestError::invalid(format!("a parameter's name: {error}")))?;
            let value = match decode_query(value) {
                Ok(value) => value,
                Err(error) => {
                    violations.add_at(&key, error.to_string());
                    continue;
                }
            };
            if let Err(description) = self.pair(&key, &value, message, &mut seen)
                && let Some(description) = description
            {
                violations.add_at(&key, description);
            }
        }
        Ok(())
    }

    /// An error of `None` is a key to skip.
    fn pair(
        &self,
        key: &str,
        value: &str,
        message: &mut DynamicMessage,
        seen: &mut Seen,
    ) -> Result<(), Option<String>> {
        let (name, entry) = match key.split_once('[') {
            Some((name, entry)) => {
                let entry = entry
                    .strip_suffix(']')
                    .ok_or("the `[` is not closed")
                    .map_err(|text| Some(text.to_owned()))?;
                (name, Some(entry))
            }
            None => (key, None),
        };
        let path = FieldPath::resolve(&message.descriptor(), name, self.max_depth)
            .map_err(|error| self.unresolved(&error))?;
        if self.decided.iter().any(|decided| decided.covers(&path)) {
            return Ok(());
        }
        let field = path.leaf();
        let kind = field.kind();
        let text = |expected: &str| Some(expected.to_owned());
        let numbers = || path.fields.iter().map(FieldDescriptor::number).collect();
        let slot = |message| {
            path.slot(message)
                .map_err(|oneof| Some(format!("another field of the oneof `{oneof}` is set")))
        };
        if field.is_map() {
            let Kind::Message(pair) = &kind else {
                return Err(text("expected a map"));
            };
            let entry = entry.ok_or_else(|| text("a map's entry is written `name[key]=value`"))?;
            let key = scalar::key_from_text(&pair.map_entry_key_field().kind(), entry)
                .map_err(|expected| Some(format!("the key: {expected}")))?;
            let value_kind = pair.map_entry_value_field().kind();
            if !is_textual(&value_kind) {
                return Err(text(
                    "this map's values have no text form; send them in a body",
                ));
            }
            if self.skips(&value_kind, value) {
                return Ok(());
            }
            let value = scalar::from_text(&value_kind, value).map_err(text)?;
            if !seen.insert((numbers(), Some(key.clone()))) {
                return Err(text("the key appears twice"));
            }
            if let Value::Map(entries) = slot(message)? {
                entries.insert(key, value);
            }
            return Ok(());
        }
        if entry.is_some() {
            return Err(text("this field is not a map"));
        }
        if !is_textual(&kind) {
            return Err(text("this field is a message; name a field inside it"));
        }
        if self.skips(&kind, value) {
            return Ok(());
        }
        let value = scalar::from_text(&kind, value).map_err(text)?;
        if field.is_list() {
            if let Value::List(items) = slot(message)? {
                items.push(value);
            }
            return Ok(());
        }
        if !seen.insert((numbers(), None)) {
            return Err(text("the field takes one value"));
        }
        *slot(message)? = value;
        Ok(())
    }

    fn skips(&self, kind: &Kind, value: &str) -> bool {
        self.ignore_unknown && scalar::is_unknown_text(kind, value)
    }

    fn unresolved(&self, error: &PathError<'_>) -> Option<String> {
        match error {
            PathError::Unknown { .. } if self.ignore_unknown => None,
            PathError::Unknown { .. } => Some("there is no such field".to_owned()),
            PathError::NotMessage { .. } => {
                Some("a step leads into a field that is not a singular message".to_owned())
            }
            PathError::TooDeep => Some("nested too deeply".to_owned()),
        }
    }
}
