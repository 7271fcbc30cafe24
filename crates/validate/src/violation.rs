//! A broken rule.

use std::fmt;

/// A broken rule. Says where and what, and never the value itself; only a map's key can be seen,
/// as a part of the path, cut after 64 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The way to the value: `user.email`, `items[0].name`, `labels["a"]`. Empty for a rule of the
    /// whole message.
    pub field: String,
    /// The rule: `string.min_len`, `required`.
    pub rule_id: String,
    /// What the rule asks for, in words for people.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{} [{}]", self.message, self.rule_id)
        } else {
            write!(f, "{}: {} [{}]", self.field, self.message, self.rule_id)
        }
    }
}
