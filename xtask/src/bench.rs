//! `cargo xtask bench`: the bus and the gateway by themselves, the platform on real servers, and the
//! single process.

mod bus;
mod gateway;
mod load;
mod peer;
mod rest;
mod standalone;
mod transcode;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::document;
use crate::process::passthrough;

const DOCUMENT: &str = "docs/benchmarks.md";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Round trips over the bus beside a bare Kafka client, in turn on one broker.
    Bus(bus::Options),
    /// The gateway alone before a gRPC server, beside a bare pass-through.
    Gateway(gateway::Options),
    /// Transcoding by itself: instructions and allocations a request.
    Transcode {
        #[command(flatten)]
        output: Output,
    },
    /// Three processes on real Kafka, PostgreSQL and Redis under load over REST.
    Rest {
        /// How long each point is measured.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        /// How many connections are kept busy, one measurement each.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
        connections: Vec<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// The single process on embedded parts: start, idle, one connection.
    Standalone {
        /// How long idling and load are each measured.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        #[command(flatten)]
        output: Output,
    },
}

/// Where results go besides the terminal.
#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// Write them as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Put the table between its markers in docs/benchmarks.md.
    #[arg(long)]
    write: bool,
}

/// Runs a benchmark.
///
/// # Errors
/// When something does not build, start or answer.
pub(crate) fn run(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Bus(options) => {
            let results = bus::measure(context, &options)?;
            publish(
                context,
                &options.output,
                "bus",
                &bus::table(&results),
                &results,
            )
        }
        Command::Gateway(options) => {
            let results = gateway::measure(context, &options)?;
            let table = gateway::table(&results);
            publish(context, &options.output, "gateway", &table, &results)
        }
        Command::Transcode { output } => {
            let results = transcode::measure(context)?;
            let table = transcode::table(&results);
            publish(context, &output, "transcode", &table, &results)
        }
        Command::Rest {
            seconds,
            connections,
            output,
        } => {
            let results = rest::measure(context, seconds, &connections)?;
            publish(context, &output, "rest", &rest::table(&results), &results)
        }
        Command::Standalone { seconds, output } => {
            let results = standalone::measure(context, seconds)?;
            publish(
                context,
                &output,
                "standalone",
                &standalone::table(&results),
                &results,
            )
        }
    }
}

/// Builds the binaries as they are shipped and returns their folder.
fn release_binaries(context: &Context, which: &[&str]) -> Result<PathBuf> {
    passthrough(
        context
            .cargo()
            .args(["build", "--release", "--bins"])
            .args(which),
    )?;
    context.bin_dir("release")
}

fn publish(
    context: &Context,
    output: &Output,
    name: &str,
    table: &str,
    results: &impl Serialize,
) -> Result<()> {
    print!("{table}");
    if let Some(path) = &output.json {
        std::fs::write(path, serde_json::to_vec_pretty(results)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if output.write {
        document::update(context, DOCUMENT, &format!("bench:{name}"), table)
    } else {
        Ok(())
    }
}
