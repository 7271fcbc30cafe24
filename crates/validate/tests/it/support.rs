//! Compiles contracts from text, and tables of values that are to pass or not.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use prost_reflect::{DescriptorPool, DynamicMessage};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use validate::{BuildError, Validator};

/// The rules' own contract, as the project has it.
const RULES: &str = include_str!("../../../../proto/buf/validate/validate.proto");

/// What every table's contract can name.
const PRELUDE: &str = r#"
syntax = "proto3";
package t;
import "buf/validate/validate.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Color { NONE = 0; RED = 1; BLUE = 5; }
message Inner { string name = 1 [(buf.validate.field).string.min_len = 1]; }
message Plain { string name = 1; }
"#;

/// A field `val` with rules, and what becomes of its values.
pub(crate) struct Row {
    /// The field's type with its label: `repeated string`.
    pub(crate) field: &'static str,
    /// What follows `(buf.validate.field).`; separate several options with `|`.
    pub(crate) rules: &'static str,
    /// Values in JSON that pass; `-` leaves the field unset.
    pub(crate) good: &'static [&'static str],
    /// Values in JSON that do not, with the rules that they break. A rule is at `val`, unless
    /// `path@` stands before it.
    pub(crate) bad: &'static [(&'static str, &'static [&'static str])],
}

/// Files kept in memory.
struct Memory(Vec<(&'static str, String)>);

impl FileResolver for Memory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|file| file.0 == name) {
            Some((name, source)) => File::from_source(name, source),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The descriptors of `source`, after the prelude.
pub(crate) fn pool(source: &str) -> DescriptorPool {
    pool_of(&format!("{PRELUDE}{source}"), RULES)
}

/// The descriptors of a whole file, with rules by a contract of its own.
pub(crate) fn pool_of(source: &str, rules: &str) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Memory(vec![
        ("t.proto", source.to_owned()),
        ("buf/validate/validate.proto", rules.to_owned()),
    ]));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    if let Err(error) = compiler.open_file("t.proto") {
        panic!("{error:?}\n{source}");
    }
    // Encoded rather than taken as a struct: only the encoded form keeps custom options.
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

pub(crate) fn validator(source: &str) -> (DescriptorPool, Validator) {
    let pool = pool(source);
    let validator = Validator::new(&pool).unwrap().with_clock(noon);
    (pool, validator)
}

/// What is wrong with `source`: element and problem.
pub(crate) fn faults(source: &str) -> Vec<(String, String)> {
    let Err(BuildError { faults }) = Validator::new(&pool(source)) else {
        panic!("compiled: {source}");
    };
    let faults = faults.into_iter();
    faults.map(|fault| (fault.element, fault.problem)).collect()
}

/// 2025-11-24T16:00:00Z.
pub(crate) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000)
}

pub(crate) fn message(pool: &DescriptorPool, name: &str, json: &str) -> DynamicMessage {
    let descriptor = pool.get_message_by_name(name).unwrap();
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(descriptor, &mut json).unwrap()
}

/// The rules that a message breaks, each as `path@rule`, or the rule alone if it is of the
/// message.
pub(crate) fn broken(validator: &Validator, message: &DynamicMessage) -> Vec<String> {
    let violations = validator.check(message).err().unwrap_or_default();
    let mut broken: Vec<String> = violations
        .into_iter()
        .map(|violation| match violation.field.as_str() {
            "" => violation.rule_id,
            path => format!("{path}@{}", violation.rule_id),
        })
        .collect();
    broken.sort();
    broken
}

/// Runs a table: one contract with a message for each row.
pub(crate) fn run(rows: &[Row]) {
    let mut source = String::new();
    for (number, row) in rows.iter().enumerate() {
        let options: Vec<String> = row
            .rules
            .split('|')
            .map(|rule| format!("(buf.validate.field).{}", rule.trim()))
            .collect();
        let (field, options) = (row.field, options.join(", "));
        writeln!(
            source,
            "message M{number} {{ {field} val = 1 [{options}]; }}"
        )
        .unwrap();
    }
    let (pool, validator) = validator(&source);
    for (number, row) in rows.iter().enumerate() {
        let outcome = |value: &str| {
            let json = match value {
                "-" => "{}".to_owned(),
                value => format!("{{\"val\": {value}}}"),
            };
            broken(&validator, &message(&pool, &format!("t.M{number}"), &json))
        };
        for value in row.good {
            let none: [&str; 0] = [];
            assert_eq!(outcome(value), none, "{} {value}", row.rules);
        }
        for (value, rules) in row.bad {
            let mut expected: Vec<String> = rules
                .iter()
                .map(|rule| match rule.contains('@') {
                    true => (*rule).to_owned(),
                    false => format!("val@{rule}"),
                })
                .collect();
            expected.sort();
            assert_eq!(outcome(value), expected, "{} {value}", row.rules);
        }
    }
}
