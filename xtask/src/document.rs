//! Tables of figures in documents.

use std::fs;

use anyhow::{Context as _, Result};

use crate::context::Context;

/// Replaces the table between `<!-- NAME -->` and `<!-- /NAME -->` in a document of the workspace.
///
/// # Errors
/// When the document or its markers are missing.
pub(crate) fn update(context: &Context, document: &str, name: &str, table: &str) -> Result<()> {
    let path = context.root().join(document);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
    let text = replace(&text, name, table)
        .with_context(|| format!("{document} has no block `<!-- {name} -->`"))?;
    fs::write(&path, text).with_context(|| format!("cannot write {document}"))
}

/// The table between the markers, as it is.
///
/// # Errors
/// When the document or its markers are missing.
pub(crate) fn block(context: &Context, document: &str, name: &str) -> Result<String> {
    let path = context.root().join(document);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {document}"))?;
    let block = between(&text, name).map(str::to_owned);
    block.with_context(|| format!("{document} has no block `<!-- {name} -->`"))
}

fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->\n"))?;
    let (block, _) = rest.split_once(&format!("<!-- /{name} -->"))?;
    Some(block)
}

fn replace(text: &str, name: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- {name} -->"))?;
    let (_, after) = rest.split_once(&format!("<!-- /{name} -->"))?;
    Some(format!(
        "{before}<!-- {name} -->\n{table}<!-- /{name} -->{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_of_that_name_is_replaced() {
        let text =
            "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n";
        let replaced = replace(text, "bench:x", "| 1 |\n").unwrap();
        assert_eq!(
            replaced,
            "a\n<!-- bench:x -->\n| 1 |\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n"
        );
        assert_eq!(replace(text, "bench:z", ""), None);
        assert_eq!(between(text, "bench:x"), Some("old\n"));
        assert_eq!(between(text, "bench:y"), Some(""));
        assert_eq!(between(text, "bench:z"), None);
    }
}
