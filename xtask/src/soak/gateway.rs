//! `cargo xtask soak gateway`: clients that mean harm, many of them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;

use super::DOCUMENT;
use crate::context::Context;
use crate::document;
use crate::process::passthrough;
use crate::standalone::Scratch;

const BLOCK: &str = "soak:gateway";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Put the table between its markers in docs/reliability.md.
    #[arg(long)]
    write: bool,
}

/// What a case gives.
#[derive(Debug, Deserialize)]
struct Figures {
    case: String,
    figures: BTreeMap<String, u64>,
}

/// Runs the cases.
///
/// # Errors
/// When one of them fails.
pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    let scratch = Scratch::new(context, "soak-gateway")?;
    let report = scratch.path().join("figures.jsonl");
    let mut cargo = context.cargo();
    cargo
        .args(["test", "--release", "-p", "gateway", "--test", "it"])
        // One by one, since memory is that of the process.
        .args(["--", "--nocapture", "--test-threads=1", "hostile"])
        .env("TROLLEYBUS_SOAK", "1")
        .env("TROLLEYBUS_SOAK_REPORT", &report);
    passthrough(&mut cargo)?;
    let report = fs::read_to_string(&report)?;
    let figures = report
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<_>, _>>()?;
    if figures.is_empty() {
        bail!("no case has given figures");
    }
    let table = table(&figures);
    print!("\n{table}");
    if options.write {
        document::update(context, DOCUMENT, BLOCK, &table)?;
    }
    Ok(())
}

fn table(figures: &[Figures]) -> String {
    let mut text = String::from("| Case | Figures |\n|---|---|\n");
    for Figures { case, figures } in figures {
        let figures = figures
            .iter()
            .map(|(what, figure)| format!("{what}: {figure}"));
        let figures = figures.collect::<Vec<_>>().join("; ");
        text.push_str(&format!("| {case} | {figures} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_row() {
        let line = r#"{"case":"rapid reset","figures":{"streams":9,"KiB more":2}}"#;
        let table = table(&[serde_json::from_str(line).unwrap()]);
        assert!(
            table.ends_with("| rapid reset | KiB more: 2; streams: 9 |\n"),
            "{table}"
        );
    }
}
