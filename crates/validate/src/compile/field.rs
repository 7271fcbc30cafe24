//! From a field's rules to its plan.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use super::Compiler;
use crate::plan::{FieldPlan, Shape, ValuePlan};
use crate::reader::{Reader, Site};
use crate::rule::{
    Rule, any, boolean, bytes, duration, enumeration, field_mask, map, number, repeated, string,
    timestamp,
};

/// Every member of the oneof that holds rules by type.
const FAMILIES: [&str; 22] = [
    "float",
    "double",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "sint32",
    "sint64",
    "fixed32",
    "fixed64",
    "sfixed32",
    "sfixed64",
    "bool",
    "string",
    "bytes",
    "enum",
    "repeated",
    "map",
    "any",
    "duration",
    "field_mask",
    "timestamp",
];

/// `buf.validate.Ignore`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ignore {
    Unspecified,
    IfZeroValue,
    Always,
}

/// A field's, or an item's, rules, sorted.
struct Rules {
    required: bool,
    ignore: Ignore,
    family: Option<(&'static str, DynamicMessage)>,
}

impl Compiler {
    /// The plan of a field; `None` if nothing is checked. `in_group` if a group of the message's
    /// own rules holds it.
    pub(super) fn field(&mut self, field: &FieldDescriptor, in_group: bool) -> Option<FieldPlan> {
        let element = field.full_name();
        let options = self.rules(element, field.options(), |own| &own.field);
        let rules = self.sort(element, options);
        if rules.ignore == Ignore::Always {
            return None;
        }
        let shape = match rules.family {
            family if field.is_map() => self.map(field, family),
            family if field.is_list() => self.list(field, family),
            family => Shape::Single(self.value(element, &field.kind(), family)),
        };
        let ignores_zero = rules.ignore == Ignore::IfZeroValue || in_group;
        Some(FieldPlan {
            field: field.clone(),
            required: rules.required,
            skip_unset: field.supports_presence() || ignores_zero,
            shape,
        })
    }

    fn list(
        &mut self,
        field: &FieldDescriptor,
        family: Option<(&'static str, DynamicMessage)>,
    ) -> Shape {
        let element = field.full_name();
        let kind = field.kind();
        let mut whole = Vec::new();
        let mut items = None;
        if let Some(rules) = self.expect("repeated", element, family) {
            let mut reader = Reader::new(rules, "repeated.");
            items = reader.message("items");
            let mut site = self.site(element);
            whole.push(repeated::compile(&kind, &mut reader, &mut site));
            reader.finish(&mut site);
        }
        Shape::List {
            whole,
            items: self.element(element, &kind, items),
        }
    }

    fn map(
        &mut self,
        field: &FieldDescriptor,
        family: Option<(&'static str, DynamicMessage)>,
    ) -> Shape {
        let element = field.full_name();
        let mut whole = Vec::new();
        let (mut keys, mut values) = (None, None);
        if let Some(rules) = self.expect("map", element, family) {
            let mut reader = Reader::new(rules, "map.");
            keys = reader.message("keys");
            values = reader.message("values");
            let mut site = self.site(element);
            whole.push(map::compile(&mut reader, &mut site));
            reader.finish(&mut site);
        }
        let kind = field.kind();
        let (key, value) = match kind.as_message() {
            Some(entry) => (
                entry.map_entry_key_field().kind(),
                entry.map_entry_value_field().kind(),
            ),
            None => (kind.clone(), kind),
        };
        Shape::Map {
            whole,
            keys: self.element(element, &key, keys),
            values: self.element(element, &value, values),
        }
    }

    /// The plan of an item, a key or a value.
    fn element(&mut self, element: &str, kind: &Kind, rules: Option<DynamicMessage>) -> ValuePlan {
        let rules = self.sort(element, rules);
        if rules.ignore == Ignore::Always {
            return ValuePlan::default();
        }
        if rules.required {
            self.site(element).fault(
                "`required` says nothing about items, keys and values; use a rule such as `min_len`",
            );
        }
        let plan = self.value(element, kind, rules.family);
        ValuePlan {
            skip_zero: (rules.ignore == Ignore::IfZeroValue).then(|| kind.clone()),
            ..plan
        }
    }

    /// The plan of one value, whatever holds it.
    fn value(
        &mut self,
        element: &str,
        kind: &Kind,
        family: Option<(&'static str, DynamicMessage)>,
    ) -> ValuePlan {
        let mut plan = ValuePlan::default();
        if let Some((family, rules)) = family {
            let mut reader = Reader::new(rules, format!("{family}."));
            reader.skip_examples();
            let mut site = self.site(element);
            match family_of(kind) {
                Some((expected, wrapped)) if expected == family => {
                    plan.wrapped = wrapped;
                    plan.rules
                        .extend(compile(family, kind, &mut reader, &mut site));
                    reader.finish(&mut site);
                }
                _ => site.fault(format!("`{family}` rules are not for a {}", describe(kind))),
            }
        }
        if let Kind::Message(message) = kind {
            plan.nested = Some(self.id_of(message));
        }
        plan
    }

    /// Sorts the rules that every field can have.
    fn sort(&mut self, element: &str, rules: Option<DynamicMessage>) -> Rules {
        let mut sorted = Rules {
            required: false,
            ignore: Ignore::Unspecified,
            family: None,
        };
        let Some(rules) = rules else {
            return sorted;
        };
        let mut reader = Reader::new(rules, "");
        let mut site = self.site(element);
        sorted.ignore = match reader.take("ignore", Value::as_enum_number) {
            None | Some(0) => Ignore::Unspecified,
            Some(1) => Ignore::IfZeroValue,
            // What is ignored is not read, as the contract says.
            Some(3) => {
                sorted.ignore = Ignore::Always;
                return sorted;
            }
            Some(other) => {
                site.fault(format!("`ignore` {other} is not supported"));
                Ignore::Unspecified
            }
        };
        sorted.required = reader.flag("required");
        sorted.family = reader.one_of(&FAMILIES);
        reader.finish(&mut site);
        sorted
    }

    /// The rules if they are those of `expected`; others are a fault.
    fn expect(
        &mut self,
        expected: &str,
        element: &str,
        family: Option<(&'static str, DynamicMessage)>,
    ) -> Option<DynamicMessage> {
        let (family, rules) = family?;
        if family == expected {
            return Some(rules);
        }
        self.site(element)
            .fault(format!("`{family}` rules are not for a {expected} field"));
        None
    }

    fn site<'a>(&'a mut self, element: &'a str) -> Site<'a> {
        Site {
            element,
            faults: &mut self.faults,
        }
    }
}

/// Compiles the rules of a family that fits the kind.
fn compile(
    family: &'static str,
    kind: &Kind,
    reader: &mut Reader,
    site: &mut Site<'_>,
) -> Option<Box<dyn Rule>> {
    Some(match family {
        "bool" => boolean::compile(reader),
        "string" => string::compile(reader, site),
        "bytes" => bytes::compile(reader, site),
        "enum" => enumeration::compile(kind, reader),
        "any" => any::compile(reader),
        "duration" => duration::compile(reader),
        "field_mask" => field_mask::compile(reader),
        "timestamp" => timestamp::compile(reader, site),
        number => return number::compile(number, reader, site),
    })
}

/// The family of rules that fits a kind, and whether they are for what it wraps.
fn family_of(kind: &Kind) -> Option<(&'static str, bool)> {
    Some(match kind {
        Kind::Double => ("double", false),
        Kind::Float => ("float", false),
        Kind::Int32 => ("int32", false),
        Kind::Int64 => ("int64", false),
        Kind::Uint32 => ("uint32", false),
        Kind::Uint64 => ("uint64", false),
        Kind::Sint32 => ("sint32", false),
        Kind::Sint64 => ("sint64", false),
        Kind::Fixed32 => ("fixed32", false),
        Kind::Fixed64 => ("fixed64", false),
        Kind::Sfixed32 => ("sfixed32", false),
        Kind::Sfixed64 => ("sfixed64", false),
        Kind::Bool => ("bool", false),
        Kind::String => ("string", false),
        Kind::Bytes => ("bytes", false),
        Kind::Enum(_) => ("enum", false),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Any" => ("any", false),
            "google.protobuf.Duration" => ("duration", false),
            "google.protobuf.FieldMask" => ("field_mask", false),
            "google.protobuf.Timestamp" => ("timestamp", false),
            "google.protobuf.DoubleValue" => ("double", true),
            "google.protobuf.FloatValue" => ("float", true),
            "google.protobuf.Int32Value" => ("int32", true),
            "google.protobuf.Int64Value" => ("int64", true),
            "google.protobuf.UInt32Value" => ("uint32", true),
            "google.protobuf.UInt64Value" => ("uint64", true),
            "google.protobuf.BoolValue" => ("bool", true),
            "google.protobuf.StringValue" => ("string", true),
            "google.protobuf.BytesValue" => ("bytes", true),
            _ => return None,
        },
    })
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(found) => found.full_name().to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
