//! Where a check stands in a message, and what it found.

use std::fmt::Write as _;
use std::time::SystemTime;

use prost_reflect::MapKey;

use crate::Violation;
use crate::time::Instant;

/// Broken rules that one check reports at most. A client can send a list of a million bad items,
/// and should not get a million answers.
pub const MAX_VIOLATIONS: usize = 100;

/// Characters of a map's key that a path shows. A key can be as long as the whole message, and is
/// repeated for every violation below it.
const MAX_KEY_CHARACTERS: usize = 64;

/// Where a check stands, and what it found so far.
pub(crate) struct Scope<'a> {
    path: String,
    violations: Vec<Violation>,
    clock: &'a dyn Fn() -> SystemTime,
    now: Option<Instant>,
}

/// How long the path was before a step, to go back.
#[must_use]
pub(crate) struct Mark(usize);

impl<'a> Scope<'a> {
    pub(crate) fn new(clock: &'a dyn Fn() -> SystemTime) -> Self {
        Self {
            path: String::new(),
            violations: Vec::new(),
            clock,
            now: None,
        }
    }

    /// Steps into a field.
    pub(crate) fn field(&mut self, name: &str) -> Mark {
        let mark = Mark(self.path.len());
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
        mark
    }

    /// Steps into an item of a list.
    pub(crate) fn index(&mut self, index: usize) -> Mark {
        let mark = Mark(self.path.len());
        self.write(format_args!("[{index}]"));
        mark
    }

    /// Steps into a pair of a map.
    pub(crate) fn key(&mut self, key: &MapKey) -> Mark {
        let mark = Mark(self.path.len());
        match key {
            MapKey::Bool(key) => self.write(format_args!("[{key}]")),
            MapKey::I32(key) => self.write(format_args!("[{key}]")),
            MapKey::I64(key) => self.write(format_args!("[{key}]")),
            MapKey::U32(key) => self.write(format_args!("[{key}]")),
            MapKey::U64(key) => self.write(format_args!("[{key}]")),
            MapKey::String(key) => match key.char_indices().nth(MAX_KEY_CHARACTERS) {
                None => self.write(format_args!("[{key:?}]")),
                Some((end, _)) => self.write(format_args!("[{:?}…]", &key[..end])),
            },
        }
        mark
    }

    /// Steps back.
    pub(crate) fn back(&mut self, mark: &Mark) {
        self.path.truncate(mark.0);
    }

    /// Notes that the value here breaks a rule.
    pub(crate) fn fail(&mut self, rule_id: impl Into<String>, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.violations.push(Violation {
            field: self.path.clone(),
            rule_id: rule_id.into(),
            message: message.into(),
        });
    }

    /// Whether there is no use in looking further.
    pub(crate) fn is_full(&self) -> bool {
        self.violations.len() >= MAX_VIOLATIONS
    }

    /// The present: the same for the whole check.
    pub(crate) fn now(&mut self) -> Instant {
        *self
            .now
            .get_or_insert_with(|| Instant::from((self.clock)()))
    }

    pub(crate) fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations)
        }
    }

    fn write(&mut self, step: std::fmt::Arguments<'_>) {
        self.path
            .write_fmt(step)
            .expect("writing to a string cannot fail");
    }
}
