//! `cargo xtask soak`: the cases in which something fails, at length.

mod conformance;
mod figures;
mod fuzz;
mod gateway;

use std::fs;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;

use crate::context::Context;
use crate::document;
use crate::infra::PrivateSet;
use crate::process::passthrough;
use figures::{Figures, table, table_with};

const DOCUMENT: &str = "docs/reliability.md";

const BLOCK: &str = "soak:bus";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The bus, while processes, brokers, records and clocks fail: real processes, three brokers.
    Bus {
        /// Only the tests with this in their name.
        #[arg(long, value_name = "CASE")]
        only: Option<String>,
        /// Put the table between its markers in docs/reliability.md. With --only, the cases that did
        /// not run keep their rows.
        #[arg(long)]
        write: bool,
        /// The small counts of `cargo xtask test`, unoptimised: to see that the cases run.
        #[arg(long)]
        short: bool,
    },
    /// The JSON of the gateway, by the conformance tests of protobuf.
    Conformance(conformance::Options),
    /// The parsers of what clients send, by inputs that a fuzzer makes up.
    Fuzz(fuzz::Options),
    /// The gateway, with clients that mean harm.
    Gateway(gateway::Options),
}

/// Runs a soak.
///
/// # Errors
/// When the brokers do not start or a promise does not hold.
pub(crate) fn run(context: &Context, command: &Command) -> Result<()> {
    match command {
        Command::Bus { only, write, short } => bus(context, only.as_deref(), *write, *short),
        Command::Conformance(options) => conformance::run(context, options),
        Command::Fuzz(options) => fuzz::run(context, options),
        Command::Gateway(options) => gateway::run(context, options),
    }
}

fn bus(context: &Context, only: Option<&str>, write: bool, short: bool) -> Result<()> {
    let set = PrivateSet::start(context, 3)?;
    let report = set.dir().join("figures.jsonl");
    let mut cargo = context.cargo();
    cargo.args([
        "test",
        "-p",
        "bus-tests",
        "--features",
        "real",
        "--test",
        "it",
    ]);
    if !short {
        cargo.arg("--release").env("TROLLEYBUS_SOAK", "1");
    }
    cargo
        .args(["--", "--nocapture", "--test-threads=1"])
        .args(only)
        .env("TEST_KAFKA_BROKERS", &set.endpoints().kafka)
        .env("TROLLEYBUS_INFRA_DIR", set.dir())
        .env("TROLLEYBUS_XTASK", std::env::current_exe()?)
        .env("TROLLEYBUS_SOAK_REPORT", &report);
    let passed = passthrough(&mut cargo);
    let figures = read(&report)?;
    drop(set);
    let table = table(&figures);
    print!("\n{table}");
    passed?;
    if figures.is_empty() {
        bail!("no case has run; is there a test with such a name?");
    }
    if write {
        let table = match only {
            None => table,
            Some(_) => table_with(&document::block(context, DOCUMENT, BLOCK)?, &figures),
        };
        document::update(context, DOCUMENT, BLOCK, &table)?;
    }
    Ok(())
}

/// What the cases wrote, one JSON object a line. Cases that were left out wrote nothing.
fn read(report: &std::path::Path) -> Result<Vec<Figures>> {
    let text = match fs::read_to_string(report) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read {}", report.display()))?,
    };
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .context("a case gave figures that cannot be read")
}
