//! Collects wrong fields while a request is read.

use std::fmt::Write as _;

use crate::error::{FieldViolation, RequestError};

/// More than this are counted no further: an answer must not grow with the request.
const MAX_VIOLATIONS: usize = 20;

/// Longer names, or names with other characters than identifiers and paths have, are not repeated.
const MAX_NAME: usize = 64;

/// The path to where a reader stands: `user.emails[2]`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Place(String);

/// The wrong fields so far, and where the reader stands.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    found: Vec<FieldViolation>,
    place: Place,
}

impl Place {
    /// Goes to a field; the result is for [`Place::leave`].
    pub(crate) fn field(&mut self, name: &str) -> usize {
        let mark = self.0.len();
        if mark > 0 {
            self.0.push('.');
        }
        self.0.push_str(printable(name));
        mark
    }

    /// Goes to an element of a list.
    pub(crate) fn index(&mut self, index: usize) -> usize {
        let mark = self.0.len();
        write!(self.0, "[{index}]").expect("writing to a string cannot fail");
        mark
    }

    /// Goes to an entry of a map.
    pub(crate) fn entry(&mut self, key: &str) -> usize {
        let mark = self.0.len();
        self.0.push('[');
        self.0.push_str(printable(key));
        self.0.push(']');
        mark
    }

    pub(crate) fn leave(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Violations {
    /// Runs `read` one field further down.
    pub(crate) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.place.field(name);
        let result = read(self);
        self.place.leave(mark);
        result
    }

    /// Runs `read` in one element of a list.
    pub(crate) fn at<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.place.index(index);
        let result = read(self);
        self.place.leave(mark);
        result
    }

    /// Runs `read` in one entry of a map.
    pub(crate) fn entry<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.place.entry(key);
        let result = read(self);
        self.place.leave(mark);
        result
    }

    /// The field where the reader stands is wrong.
    pub(crate) fn add(&mut self, description: impl Into<String>) {
        if !self.is_full() {
            self.found.push(FieldViolation {
                field: self.place.as_str().to_owned(),
                description: description.into(),
            });
        }
    }

    /// A field below where the reader stands is wrong.
    pub(crate) fn add_at(&mut self, name: &str, description: impl Into<String>) {
        self.within(name, |violations| violations.add(description));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_VIOLATIONS
    }

    /// # Errors
    /// When there are any.
    pub(crate) fn into_result(self) -> Result<(), RequestError> {
        match self.found.as_slice() {
            [] => Ok(()),
            [only] if only.field.is_empty() => Err(RequestError::invalid(format!(
                "the body: {}",
                only.description
            ))),
            _ => Err(RequestError::fields(self.found)),
        }
    }
}

/// A client's name for a field, if it looks like a name. A body sent with the wrong content type
/// makes "names" that hold everything, passwords included.
fn printable(name: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.[]@/".contains(&b);
    if !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain) {
        name
    } else {
        "(unprintable name)"
    }
}
