//! The table of values in the chart's README.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Chart;

const BEGIN: &str = "<!-- values -->\n";
const END: &str = "<!-- /values -->";
/// The lines of the table before its rows.
const HEAD: usize = 2;
/// A longer default is shown by values.yaml alone, so that the table stays readable.
const LONGEST: usize = 48;

/// The README has a row for each value: the schema's description, and the default of values.yaml.
pub(super) fn table(chart: &Chart) -> Result<()> {
    let read = |name: &str| {
        fs::read_to_string(chart.dir().join(name)).with_context(|| format!("cannot read {name}"))
    };
    let schema: Value = serde_json::from_str(&read("values.schema.json")?)?;
    let values: Value = yaml_serde::from_str(&read("values.yaml")?)?;
    let mut expected = BTreeSet::new();
    rows(&schema, &schema, &values, "", &mut expected)?;

    let readme = read("README.md")?;
    let (_, after) = readme
        .split_once(BEGIN)
        .context("README.md has no table of values")?;
    let (actual, _) = after
        .split_once(END)
        .context("the table of values has no end")?;
    let actual: BTreeSet<String> = actual.lines().skip(HEAD).map(str::to_owned).collect();
    let missing: Vec<&str> = expected.difference(&actual).map(String::as_str).collect();
    let extra: Vec<&str> = actual.difference(&expected).map(String::as_str).collect();
    if !missing.is_empty() || !extra.is_empty() {
        bail!(
            "README.md lacks these rows:\n{}\nand has these for nothing:\n{}",
            missing.join("\n"),
            extra.join("\n")
        );
    }
    Ok(())
}

/// One row for each described node of the schema; what is not described is a group.
fn rows(
    schema: &Value,
    node: &Value,
    value: &Value,
    path: &str,
    out: &mut BTreeSet<String>,
) -> Result<()> {
    if let (Some(description), false) = (node["description"].as_str(), path.is_empty()) {
        let default = if value.is_null() {
            String::new()
        } else {
            value.to_string()
        };
        let default = match default.chars().count() {
            0 => String::new(),
            length if length <= LONGEST => format!("`{default}`"),
            _ => "see `values.yaml`".to_owned(),
        };
        out.insert(format!("| `{path}` | {default} | {description} |"));
        return Ok(());
    }
    let node = match node["$ref"].as_str() {
        Some(reference) => schema
            .pointer(reference.trim_start_matches('#'))
            .with_context(|| format!("the schema has no {reference}"))?,
        None => node,
    };
    for (name, inner) in node["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        rows(schema, inner, &value[name], &path, out)?;
    }
    Ok(())
}
