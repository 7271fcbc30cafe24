//! Reads a rules message so that nothing in it can be missed.

use prost_reflect::{DynamicMessage, Value};

/// Where faults are noted: the element whose rules are being read.
pub(crate) struct Site<'a> {
    pub(crate) element: &'a str,
    pub(crate) faults: &'a mut Vec<crate::Fault>,
}

/// A rules message from which every rule is taken by name. What is left at the end is a rule that
/// this validator does not have: a fault.
pub(crate) struct Reader {
    message: DynamicMessage,
    /// What stands before a rule's name in a fault, such as `string.`.
    prefix: String,
    wrong: Vec<String>,
}

// === impl Site ===

impl Site<'_> {
    pub(crate) fn fault(&mut self, problem: impl Into<String>) {
        self.faults.push(crate::Fault {
            element: self.element.to_owned(),
            problem: problem.into(),
        });
    }
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(message: DynamicMessage, prefix: impl Into<String>) -> Self {
        Self {
            message,
            prefix: prefix.into(),
            wrong: Vec::new(),
        }
    }

    /// Takes a rule as `read` understands it; `None` if it is not given.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.message.take_field_by_name(name)?;
        let read = read(&value);
        if read.is_none() {
            self.wrong.push(name.to_owned());
        }
        read
    }

    /// Takes a rule that is switched on or off; off if it is not given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.take(name, Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<u64> {
        self.take(name, Value::as_u64)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| value.as_str().map(str::to_owned))
    }

    /// Takes a list whose items `read` understands; empty if it is not given.
    pub(crate) fn list<T>(&mut self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        self.take(name, |value| value.as_list()?.iter().map(read).collect())
            .unwrap_or_default()
    }

    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        self.list(name, |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn message(&mut self, name: &str) -> Option<DynamicMessage> {
        self.take(name, |value| value.as_message().cloned())
    }

    /// Takes examples, which are no rules.
    pub(crate) fn skip_examples(&mut self) {
        self.message.clear_field_by_name("example");
    }

    /// Takes the member of a oneof that is given, if its members are the messages in `names`.
    pub(crate) fn one_of(
        &mut self,
        names: &[&'static str],
    ) -> Option<(&'static str, DynamicMessage)> {
        names
            .iter()
            .find_map(|name| Some((*name, self.message(name)?)))
    }

    /// Notes what was not taken, or not understood.
    pub(crate) fn finish(self, site: &mut Site<'_>) {
        let prefix = self.prefix;
        for name in self.wrong {
            site.fault(format!("the rule `{prefix}{name}` has a type of its own; use the published buf/validate/validate.proto"));
        }
        for (field, _) in self.message.fields() {
            let name = field.name();
            if name == "cel" || name == "cel_expression" {
                site.fault(format!("`{prefix}{name}`: CEL expressions are not supported; use standard rules, or check in code"));
            } else {
                site.fault(format!("the rule `{prefix}{name}` is not supported"));
            }
        }
        for (extension, _) in self.message.extensions() {
            let name = extension.full_name();
            site.fault(format!("the predefined rule `{prefix}({name})` is not supported; use standard rules, or check in code"));
        }
        for unknown in self.message.unknown_fields() {
            let number = unknown.number();
            site.fault(format!(
                "the rule with number {number} in `{prefix}` is not supported"
            ));
        }
    }
}
