//! Memory over many calls: it should not grow.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::closed_loop::{self, Span};
use crate::cost::{Processes, Watched};
use crate::sides::{Caller, Job};

/// How often it is looked at.
const PARTS: u64 = 10;

/// How many calls.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many calls in all: enough that a leak of a few bytes a call shows
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(PARTS..))]
    calls: u64,
    /// How many are kept in flight
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// A further process whose memory is told, such as `worker=4711`
    #[arg(long, value_name = "NAME=PID")]
    watch: Vec<Watched>,
}

/// What is printed after each tenth.
#[derive(Debug, Serialize)]
struct Figures {
    calls: u64,
    failed: u64,
    resident_mib: BTreeMap<String, f64>,
}

impl Job for Options {
    async fn run<C: Caller>(&self, caller: &C) -> Result<()> {
        let processes = Processes::with_this_one(&self.watch);
        let mut figures = Figures {
            calls: 0,
            failed: 0,
            resident_mib: BTreeMap::new(),
        };
        for part in 1..=PARTS {
            let calls = self.calls * part / PARTS;
            let span = Span::Calls(calls - figures.calls);
            let ended = closed_loop::run(caller, self.in_flight, span).await?;
            figures.calls = calls;
            figures.failed += ended.failed;
            figures.resident_mib = processes.resident_mib()?;
            println!("{}", serde_json::to_string(&figures)?);
        }
        Ok(())
    }
}
