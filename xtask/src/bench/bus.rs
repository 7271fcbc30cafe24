//! Round trips over the bus beside a bare Kafka client, in turn on one broker.

mod figures;
mod peer;
mod program;
mod rounds;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use self::figures::{First, Memory};
use self::program::{Program, Side};
use self::rounds::Level;
use super::{Output, release_binaries};
use crate::bench::peer::Peer;
use crate::context::Context;
use crate::infra::{PartKind, PrivateSet};

pub(super) use self::table::table;

/// How a comparison is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each run is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often each program runs at each level, in turn with the others; medians count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How many calls are kept in flight, one level each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    in_flight: Vec<u32>,
    /// How many processes have their first call timed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
    /// How long a worker that nobody calls is watched.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    idle_seconds: u64,
    /// Over how many calls memory is watched; ten million tell of the smallest leak.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(10..))]
    memory_calls: u64,
    /// Measure the bare client without headers too.
    #[arg(long)]
    plain: bool,
    /// Measure another system too; can be given again. The command is run by `sh` with `KAFKA`
    /// (host:port), `IN_FLIGHT`, `CALLS` and `KAFKA_PIDS` (comma-separated) in its environment, and
    /// prints a line of JSON as `bus-bench load` does; `round_trips_per_second`, `p50_us` and `p99_us` must
    /// be in it; its first call after readiness may be, as `first_us`.
    #[arg(long, value_name = "NAME=COMMAND")]
    peer: Vec<Peer>,
    /// In how many of the rounds the other systems take part, all if none is given: some take long to
    /// warm up.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    peer_rounds: Option<u32>,
    /// Measure on these brokers in place of one of its own: `host:port`, comma-separated.
    #[arg(long)]
    brokers: Option<String>,
    /// A `bus-bench` that is built already, in place of the one of a release build.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    levels: Vec<Level>,
    first: Vec<First>,
    /// What a worker of 20 topics uses while nobody calls it.
    idle_cpu_percent: f64,
    memory: Vec<Memory>,
}

/// Measures everything.
///
/// # Errors
/// When something does not build, start or answer.
pub(super) fn measure(context: &Context, options: &Options) -> Result<Results> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => release_binaries(context, &["--package", "bus-bench"])?.join("bus-bench"),
    };
    // Held to the end: dropping it ends the broker.
    let (_set, program) = match &options.brokers {
        Some(brokers) => (None, Program::new(binary, brokers, Vec::new())),
        None => {
            let set = PrivateSet::start(context, 1)?;
            let pids = set.pids(PartKind::Kafka);
            let program = Program::new(binary, &set.endpoints().kafka, pids);
            (Some(set), program)
        }
    };
    let levels = rounds::measure(&program, options)?;
    let mut first = Vec::new();
    for number in 1..=options.starts {
        eprintln!("first calls, {number} of {}", options.starts);
        for side in [Side::Bare, Side::Bus] {
            first.push(program.first(side)?);
        }
    }
    eprintln!("an idle worker, {} s", options.idle_seconds);
    let idle_cpu_percent = program.idle_cpu_percent(options.idle_seconds)?;
    eprintln!("memory over {} calls", options.memory_calls);
    Ok(Results {
        levels,
        first,
        idle_cpu_percent,
        memory: program.memory(options.memory_calls)?,
    })
}
