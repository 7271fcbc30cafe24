//! Rules of a `google.protobuf.FieldMask`.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, Value};

use super::choice::join;
use super::{Rule, mismatch};
use crate::reader::Reader;
use crate::scope::Scope;

struct FieldMaskRule {
    constant: Option<Vec<String>>,
    allowed: Vec<String>,
    refused: Vec<String>,
}

pub(crate) fn compile(reader: &mut Reader) -> Box<dyn Rule> {
    Box::new(FieldMaskRule {
        constant: reader.take("const", |value| {
            let list = paths(value.as_message()?)?;
            let texts = list.as_list()?.iter().map(|path| path.as_str());
            texts.map(|path| path.map(str::to_owned)).collect()
        }),
        allowed: reader.texts("in"),
        refused: reader.texts("not_in"),
    })
}

impl Rule for FieldMaskRule {
    fn check(&self, value: &Value, scope: &mut Scope<'_>) {
        let list = value.as_message().and_then(paths);
        let paths = list.as_ref().and_then(|list| {
            let paths = list.as_list()?.iter().map(Value::as_str);
            paths.collect::<Option<Vec<&str>>>()
        });
        let Some(paths) = paths else {
            return mismatch("field_mask", scope);
        };
        if let Some(constant) = &self.constant
            && *constant != paths
        {
            let list = join(constant);
            scope.fail("field_mask.const", format!("must equal paths {list}"));
        }
        if !self.allowed.is_empty() && !paths.iter().all(|path| covers(&self.allowed, path)) {
            let list = join(&self.allowed);
            scope.fail(
                "field_mask.in",
                format!("must only contain paths in {list}"),
            );
        }
        if paths.iter().any(|path| covers(&self.refused, path)) {
            let list = join(&self.refused);
            scope.fail(
                "field_mask.not_in",
                format!("must not contain any paths in {list}"),
            );
        }
    }
}

/// The mask's paths: field 1.
fn paths(mask: &DynamicMessage) -> Option<Cow<'_, Value>> {
    mask.get_field_by_number(1)
}

/// Whether `path` is one of `roots`, or lies below one.
fn covers(roots: &[String], path: &str) -> bool {
    roots.iter().any(|root| {
        path.strip_prefix(root.as_str())
            .is_some_and(|below| below.is_empty() || below.starts_with('.'))
    })
}
