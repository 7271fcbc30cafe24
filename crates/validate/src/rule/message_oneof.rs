//! Fields of which at most one may be set, by a message's own rules.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor};

use crate::reader::{Reader, Site};
use crate::scope::Scope;

/// A group of fields that exclude each other.
pub(crate) struct MessageOneof {
    fields: Vec<FieldDescriptor>,
    required: bool,
}

impl MessageOneof {
    /// Reads one `buf.validate.MessageOneofRule` of `message`; `None` if no such group can be.
    pub(crate) fn read(
        message: &MessageDescriptor,
        rule: DynamicMessage,
        site: &mut Site<'_>,
    ) -> Option<Self> {
        let mut reader = Reader::new(rule, "oneof.");
        let names = reader.texts("fields");
        let required = reader.flag("required");
        reader.finish(site);
        if names.is_empty() {
            site.fault("`oneof` names no fields");
            return None;
        }
        let mut seen = HashSet::new();
        let mut fields = Vec::with_capacity(names.len());
        for name in &names {
            if !seen.insert(name) {
                site.fault(format!("`oneof` names the field `{name}` twice"));
            }
            match message.get_field_by_name(name) {
                Some(field) => fields.push(field),
                None => site.fault(format!("`oneof` names `{name}`, which is no field here")),
            }
        }
        Some(Self { fields, required })
    }

    /// Whether `field` is in the group.
    pub(crate) fn contains(&self, field: &FieldDescriptor) -> bool {
        self.fields.iter().any(|own| own.number() == field.number())
    }

    pub(crate) fn check(&self, message: &DynamicMessage, scope: &mut Scope<'_>) {
        let set = self.fields.iter().filter(|field| message.has_field(field));
        let words = match set.count() {
            0 if self.required => "one of {} must be set",
            0 | 1 => return,
            _ => "only one of {} can be set",
        };
        let names: Vec<_> = self.fields.iter().map(FieldDescriptor::name).collect();
        scope.fail("message.oneof", words.replace("{}", &names.join(", ")));
    }
}
