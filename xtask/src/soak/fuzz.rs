//! `cargo xtask soak fuzz`: the fuzz targets, one after the other.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::context::Context;
use crate::document;
use crate::process::{captured, find};

use super::DOCUMENT;

const BLOCK: &str = "soak:fuzz";

const TARGETS: [&str; 5] = ["body", "grpc_web", "path", "query", "template"];

/// A single input may take so long, in seconds: all take milliseconds.
const INPUT_TIMEOUT: u64 = 10;

const HEAD: &str = "\
| Target | Executions | Executions/s | Edges covered | Crashes |
|---|---:|---:|---:|---:|
";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    minutes: u64,
    /// Only this target.
    #[arg(long, value_name = "TARGET", value_parser = TARGETS)]
    only: Option<String>,
    /// Put the table between its markers in docs/reliability.md. With --only, the targets that did not
    /// run keep their rows.
    #[arg(long)]
    write: bool,
}

/// What a run of a target printed of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executions: u64,
    per_second: u64,
    edges: u64,
    /// The input that crashed it, if one did: the run ends at the first.
    crash: Option<String>,
}

/// Runs the targets.
///
/// # Errors
/// When something is not installed, a target does not build, or one crashes.
pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    check_installed(context)?;
    let targets = TARGETS.into_iter();
    let targets =
        targets.filter(|target| options.only.as_deref().is_none_or(|only| only == *target));
    let mut rows = BTreeMap::new();
    let mut crashes = Vec::new();
    for target in targets {
        let figures = fuzz(context, target, options.minutes)?;
        rows.insert(target.to_owned(), row(target, &figures));
        crashes.extend(figures.crash.map(|input| (target, input)));
    }
    let table =
        |rows: BTreeMap<_, String>| HEAD.to_owned() + &rows.into_values().collect::<String>();
    print!("\n{}", table(rows.clone()));
    if options.write {
        let mut all = if options.only.is_some() {
            old_rows(&document::block(context, DOCUMENT, BLOCK)?)
        } else {
            BTreeMap::new()
        };
        all.extend(rows);
        document::update(context, DOCUMENT, BLOCK, &table(all))?;
    }
    if crashes.is_empty() {
        return Ok(());
    }
    let reproduce = crashes
        .iter()
        .map(|(target, input)| format!("\n  cd fuzz && cargo +nightly fuzz run {target} {input}"));
    bail!(
        "inputs crash; to run them again:{}",
        reproduce.collect::<String>()
    )
}

/// Fuzzing needs what the rest of the workspace does not.
fn check_installed(context: &Context) -> Result<()> {
    if find("rustup").is_none() {
        bail!("fuzzing needs a nightly compiler, which rustup installs: see https://rustup.rs");
    }
    for (arguments, missing) in [
        (
            &["rustc", "--version"][..],
            "rustup toolchain install nightly",
        ),
        (
            &["cargo", "fuzz", "--version"],
            "cargo install cargo-fuzz --locked",
        ),
    ] {
        let mut command = nightly(context, arguments);
        if captured(&mut command, Duration::from_secs(60)).is_err() {
            bail!("fuzzing needs more than the workspace does: run `{missing}`");
        }
    }
    Ok(())
}

fn nightly(context: &Context, arguments: &[&str]) -> Command {
    let mut command = context.command("rustup");
    command
        .args(["run", "nightly"])
        .args(arguments)
        .current_dir(context.root().join("fuzz"))
        .stdin(Stdio::null());
    command
}

fn fuzz(context: &Context, target: &str, minutes: u64) -> Result<Figures> {
    let folder = context.root().join("fuzz");
    let corpus = folder.join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let mut command = nightly(
        context,
        &["cargo", "fuzz", "run", "--sanitizer", "none", target],
    );
    command
        .arg(&corpus)
        .arg(folder.join("seeds").join(target))
        .arg("--")
        .arg(format!(
            "-dict={}",
            folder.join("dict").join(target).display()
        ))
        .arg(format!("-max_total_time={}", minutes * 60))
        .arg(format!("-timeout={INPUT_TIMEOUT}"))
        .arg("-print_final_stats=1")
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start rustup")?;
    let output = child.stderr.take().context("the target has no output")?;
    let mut figures = Figures::default();
    let mut ran = false;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        ran |= figures.read(&line);
    }
    let status = child.wait()?;
    if !status.success() && figures.crash.is_none() {
        bail!("the target `{target}` failed without an input to blame: {status}");
    }
    if !ran {
        bail!("the target `{target}` printed no figures");
    }
    Ok(figures)
}

// === impl Figures ===

impl Figures {
    /// Takes what a line of libFuzzer says; whether it was a figure.
    fn read(&mut self, line: &str) -> bool {
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            let path = path.trim();
            // As cargo-fuzz takes it, from its folder.
            let short = path.find("artifacts/").map_or(path, |at| &path[at..]);
            self.crash = Some(short.to_owned());
            return false;
        }
        let number = |text: &str| text.split_whitespace().next()?.parse().ok();
        let after = |name| line.split_once(name).and_then(|(_, text)| number(text));
        if let Some(executions) = after("stat::number_of_executed_units:") {
            self.executions = executions;
        } else if let Some(per_second) = after("stat::average_exec_per_sec:") {
            self.per_second = per_second;
        } else if line.starts_with('#')
            && let Some(edges) = after(" cov:")
        {
            self.edges = edges;
        } else {
            return false;
        }
        true
    }
}

fn row(target: &str, figures: &Figures) -> String {
    format!(
        "| {target} | {} | {} | {} | {} |\n",
        figures.executions,
        figures.per_second,
        figures.edges,
        u8::from(figures.crash.is_some()),
    )
}

/// The rows of a table by target.
fn old_rows(table: &str) -> BTreeMap<String, String> {
    let rows = table.lines().skip(HEAD.lines().count());
    rows.filter_map(|line| {
        let target = line.strip_prefix("| ")?.split(" |").next()?;
        Some((target.to_owned(), format!("{line}\n")))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_libfuzzer_prints_last() {
        let mut figures = Figures::default();
        for line in [
            "#2\tINITED cov: 120 ft: 130 corp: 1/1b exec/s: 0 rss: 40Mb",
            "#4096\tpulse  cov: 900 ft: 1300 corp: 70/2Kb lim: 43 exec/s: 2048 rss: 60Mb",
            "Done 4096 runs in 2 second(s)",
            "stat::number_of_executed_units: 4096",
            "stat::average_exec_per_sec:     2048",
        ] {
            figures.read(line);
        }
        assert_eq!(row("path", &figures), "| path | 4096 | 2048 | 900 | 0 |\n");
        assert!(!figures.read("   Compiling fuzz v0.1.0"));
        figures.read("artifact_prefix='/a/fuzz/artifacts/path/'; Test unit written to /a/fuzz/artifacts/path/crash-1");
        assert_eq!(figures.crash.as_deref(), Some("artifacts/path/crash-1"));
    }

    #[test]
    fn a_target_that_did_not_run_keeps_its_row() {
        let figures = Figures::default();
        let table = format!("{HEAD}{}{}", row("body", &figures), row("path", &figures));
        let rows = old_rows(&table);
        assert_eq!(rows.into_keys().collect::<Vec<_>>(), ["body", "path"]);
        assert!(old_rows("").is_empty());
    }

    #[test]
    fn every_target_has_seeds_and_words() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
        let names = |part: &str| {
            let entries = fs::read_dir(format!("{folder}/{part}")).unwrap();
            let names = entries.map(|entry| entry.unwrap().path());
            let mut names: Vec<_> = names
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        for part in ["targets", "seeds", "dict"] {
            assert_eq!(names(part), TARGETS, "{part}");
        }
    }
}
