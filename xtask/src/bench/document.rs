//! The tables in docs/benchmarks.md.

use std::fs;

use anyhow::{Context as _, Result};

use crate::context::Context;

const DOCUMENT: &str = "docs/benchmarks.md";

/// Replaces the table between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
///
/// # Errors
/// When the document or its markers are missing.
pub(super) fn update(context: &Context, name: &str, table: &str) -> Result<()> {
    let path = context.root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let text = replace(&text, name, table)
        .with_context(|| format!("{DOCUMENT} has no block `<!-- bench:{name} -->`"))?;
    fs::write(&path, text).with_context(|| format!("cannot write {DOCUMENT}"))
}

fn replace(text: &str, name: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- bench:{name} -->"))?;
    let (_, after) = rest.split_once(&format!("<!-- /bench:{name} -->"))?;
    Some(format!(
        "{before}<!-- bench:{name} -->\n{table}<!-- /bench:{name} -->{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_of_that_name_is_replaced() {
        let text =
            "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n";
        let replaced = replace(text, "x", "| 1 |\n").unwrap();
        assert_eq!(
            replaced,
            "a\n<!-- bench:x -->\n| 1 |\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n"
        );
        assert_eq!(replace(text, "z", ""), None);
    }
}
