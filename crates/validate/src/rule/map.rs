//! Rules of a map as a whole.

use prost_reflect::Value;

use super::length::{Length, Names};
use super::{Rule, mismatch};
use crate::reader::{Reader, Site};
use crate::scope::Scope;

struct MapRule {
    length: Length,
}

const LENGTH: Names = Names {
    family: "map",
    exact: None,
    least: "min_pairs",
    greatest: "max_pairs",
    unit: "entries",
};

pub(crate) fn compile(reader: &mut Reader, site: &mut Site<'_>) -> Box<dyn Rule> {
    Box::new(MapRule {
        length: Length::read(LENGTH, reader, site),
    })
}

impl Rule for MapRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        match value.as_map() {
            Some(pairs) => self.length.check(pairs.len(), scope),
            None => mismatch("map", scope),
        }
    }
}
