//! What transcoding costs by itself: instructions, counted by valgrind, and allocations. Neither depends
//! on what else the machine does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::release_binaries;
use crate::context::Context;
use crate::infra::Needs;
use crate::process::{captured, find};

/// A program that starts and makes the first many calls, and then these more: the difference is theirs.
const CALLS: (u64, u64) = (100, 1100);

const LIMIT: Duration = Duration::from_secs(300);

/// What one request takes.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    request: String,
    instructions: u64,
    #[serde(flatten)]
    allocated: Allocated,
}

#[derive(Debug, Serialize, Deserialize)]
struct Allocated {
    allocations: u64,
    bytes: u64,
}

/// Measures every request.
///
/// # Errors
/// When something does not build or run.
pub(super) fn measure(context: &Context) -> Result<Vec<Cost>> {
    if find("valgrind").is_none() {
        let needs = Needs {
            what: "valgrind (counts instructions)",
            package: "valgrind",
        };
        Needs::install(context, &[needs])?;
    }
    // With the gateway, as `bench gateway` builds it: nothing is built twice.
    let bin = release_binaries(context, &["-p", "gateway", "-p", "gateway-bench"])?;
    let bin = bin.join("transcode-bench");
    let names = captured(&mut Command::new(&bin), LIMIT)?;
    names.lines().map(|name| cost(&bin, name)).collect()
}

fn cost(bin: &Path, name: &str) -> Result<Cost> {
    eprintln!("{name}");
    let (few, many) = CALLS;
    let output = captured(Command::new(bin).args([name, "--calls", "10"]), LIMIT)?;
    let allocated = serde_json::from_str(output.trim()).context("what was allocated")?;
    let more = instructions(bin, name, many)? - instructions(bin, name, few)?;
    Ok(Cost {
        request: name.to_owned(),
        instructions: more / (many - few),
        allocated,
    })
}

/// All that a run executes.
fn instructions(bin: &Path, name: &str, calls: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(bin);
    valgrind.args([name, "--calls", &calls.to_string()]);
    let output = valgrind.output().context("valgrind")?;
    let report = String::from_utf8_lossy(&output.stderr);
    parse(&report).with_context(|| format!("valgrind counted nothing:\n{report}"))
}

fn parse(report: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

/// The results as a table of Markdown.
pub(super) fn table(costs: &[Cost]) -> String {
    let rows = costs.iter().map(|cost| {
        let Cost {
            request,
            instructions,
            allocated,
        } = cost;
        let Allocated { allocations, bytes } = allocated;
        format!("| {request} | {instructions} | {allocations} | {bytes} |\n")
    });
    let rows: String = rows.collect();
    format!("| Request | Instructions | Allocations | Bytes allocated |\n|---|--:|--:|--:|\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_report() {
        let report = "==1== Events    : Ir\n==1== Collected : 123456\n==1== \n";
        assert_eq!(parse(report), Some(123_456));
        assert_eq!(parse("nothing"), None);
    }
}
