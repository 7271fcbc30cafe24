//! Rules of a `string`.

use prost_reflect::Value;
use regex::Regex;

use super::choice::Choice;
use super::length::{Length, Names};
use super::well_known::WellKnown;
use super::{Rule, mismatch};
use crate::pattern;
use crate::reader::{Reader, Site};
use crate::scope::Scope;

struct StringRule {
    choice: Choice<String>,
    characters: Length,
    bytes: Length,
    pattern: Option<Regex>,
    prefix: Option<String>,
    suffix: Option<String>,
    contains: Option<String>,
    not_contains: Option<String>,
    well_known: Option<WellKnown>,
}

const CHARACTERS: Names = Names {
    family: "string",
    exact: Some("len"),
    least: "min_len",
    greatest: "max_len",
    unit: "characters",
};

const BYTES: Names = Names {
    family: "string",
    exact: Some("len_bytes"),
    least: "min_bytes",
    greatest: "max_bytes",
    unit: "bytes",
};

pub(crate) fn compile(reader: &mut Reader, site: &mut Site<'_>) -> Box<dyn Rule> {
    Box::new(StringRule {
        choice: Choice::read(reader, |value| value.as_str().map(str::to_owned)),
        characters: Length::read(CHARACTERS, reader, site),
        bytes: Length::read(BYTES, reader, site),
        pattern: pattern::read("string", reader, site),
        prefix: reader.text("prefix"),
        suffix: reader.text("suffix"),
        contains: reader.text("contains"),
        not_contains: reader.text("not_contains"),
        well_known: WellKnown::read(reader, site),
    })
}

impl Rule for StringRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(text) = value.as_str() else {
            return mismatch("string", scope);
        };
        self.choice.check("string", text, scope);
        if self.characters.is_set() {
            self.characters.check(text.chars().count(), scope);
        }
        self.bytes.check(text.len(), scope);
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            scope.fail(
                "string.pattern",
                format!("must match the pattern `{pattern}`"),
            );
        }
        self.check_parts(text, scope);
        if let Some(well_known) = &self.well_known {
            well_known.check(text, scope);
        }
    }
}

impl StringRule {
    fn check_parts(&self, text: &str, scope: &mut Scope<'_>) {
        if let Some(prefix) = &self.prefix
            && !text.starts_with(prefix)
        {
            scope.fail("string.prefix", format!("must start with `{prefix}`"));
        }
        if let Some(suffix) = &self.suffix
            && !text.ends_with(suffix)
        {
            scope.fail("string.suffix", format!("must end with `{suffix}`"));
        }
        if let Some(part) = &self.contains
            && !text.contains(part)
        {
            scope.fail("string.contains", format!("must contain `{part}`"));
        }
        if let Some(part) = &self.not_contains
            && text.contains(part)
        {
            scope.fail("string.not_contains", format!("must not contain `{part}`"));
        }
    }
}
