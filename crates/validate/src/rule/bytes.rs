//! Rules of `bytes`.

use std::fmt;

use prost_reflect::Value;
use regex::Regex;

use super::choice::Choice;
use super::length::{Length, Names};
use super::{Rule, mismatch};
use crate::pattern;
use crate::reader::{Reader, Site};
use crate::scope::Scope;

/// Bytes of a contract, shown in hexadecimal.
struct Hex(Vec<u8>);

/// A format: the sizes that it has.
struct Format {
    name: &'static str,
    what: &'static str,
    sizes: &'static [usize],
}

struct BytesRule {
    choice: Choice<Hex>,
    length: Length,
    pattern: Option<Regex>,
    prefix: Option<Hex>,
    suffix: Option<Hex>,
    contains: Option<Hex>,
    format: Option<Format>,
}

const LENGTH: Names = Names {
    family: "bytes",
    exact: Some("len"),
    least: "min_len",
    greatest: "max_len",
    unit: "bytes",
};

const FORMATS: [Format; 4] = [
    Format {
        name: "ip",
        what: "IP address",
        sizes: &[4, 16],
    },
    Format {
        name: "ipv4",
        what: "IPv4 address",
        sizes: &[4],
    },
    Format {
        name: "ipv6",
        what: "IPv6 address",
        sizes: &[16],
    },
    Format {
        name: "uuid",
        what: "UUID",
        sizes: &[16],
    },
];

pub(crate) fn compile(reader: &mut Reader, site: &mut Site<'_>) -> Box<dyn Rule> {
    Box::new(BytesRule {
        choice: Choice::read(reader, Hex::of),
        length: Length::read(LENGTH, reader, site),
        pattern: pattern::read("bytes", reader, site),
        prefix: reader.take("prefix", Hex::of),
        suffix: reader.take("suffix", Hex::of),
        contains: reader.take("contains", Hex::of),
        format: FORMATS.into_iter().find(|format| reader.flag(format.name)),
    })
}

impl Rule for BytesRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let Some(bytes) = value.as_bytes() else {
            return mismatch("bytes", scope);
        };
        let bytes: &[u8] = bytes;
        self.choice.check("bytes", bytes, scope);
        self.length.check(bytes.len(), scope);
        if let Some(pattern) = &self.pattern
            && !std::str::from_utf8(bytes).is_ok_and(|text| pattern.is_match(text))
        {
            scope.fail(
                "bytes.pattern",
                format!("must be UTF-8 that matches the pattern `{pattern}`"),
            );
        }
        if let Some(prefix) = &self.prefix
            && !bytes.starts_with(&prefix.0)
        {
            scope.fail("bytes.prefix", format!("must start with {prefix}"));
        }
        if let Some(suffix) = &self.suffix
            && !bytes.ends_with(&suffix.0)
        {
            scope.fail("bytes.suffix", format!("must end with {suffix}"));
        }
        if let Some(part) = &self.contains
            && !contains(bytes, &part.0)
        {
            scope.fail("bytes.contains", format!("must contain {part}"));
        }
        if let Some(format) = &self.format {
            format.check(bytes, scope);
        }
    }
}

impl Format {
    fn check(&self, bytes: &[u8], scope: &mut Scope<'_>) {
        let Self { name, what, sizes } = self;
        if bytes.is_empty() {
            scope.fail(
                format!("bytes.{name}_empty"),
                format!("value is empty, which is not a valid {what}"),
            );
        } else if !sizes.contains(&bytes.len()) {
            scope.fail(format!("bytes.{name}"), format!("must be a valid {what}"));
        }
    }
}

impl Hex {
    fn of(value: &Value) -> Option<Self> {
        value.as_bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

impl PartialEq<[u8]> for Hex {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whether `part` is somewhere in `bytes`; the empty part always is.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
