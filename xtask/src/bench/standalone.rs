//! The single process on embedded parts.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::load::{self, Load, Request};
use super::release_binaries;
use crate::account::sign_up;
use crate::context::Context;
use crate::process::Usage;
use crate::standalone::{Scratch, Standalone};

/// How often the start is measured; the median counts.
const STARTS: usize = 5;
/// Until the process has nothing left to do from its start.
const SETTLE: Duration = Duration::from_secs(3);

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// From the start of the process, with an empty data folder, to `/readyz`.
    start_ms: f64,
    idle_cpu_percent: f64,
    idle_resident_mib: f64,
    profile: Load,
}

/// Measures it.
///
/// # Errors
/// When it does not build, start or answer.
pub(super) fn measure(context: &Context, seconds: u64) -> Result<Results> {
    load::prepare(context)?;
    let binary = release_binaries(context, &["--package", "standalone"])?.join("trolleybus");
    let scratch = Scratch::new(context, "bench")?;
    measure_in(&binary, scratch.path(), seconds)
}

fn measure_in(binary: &Path, dir: &Path, seconds: u64) -> Result<Results> {
    let mut starts = Vec::new();
    for number in 0..STARTS {
        let began = Instant::now();
        let process = Standalone::start(binary, &dir.join(format!("start-{number}")))?;
        starts.push(began.elapsed().as_secs_f64() * 1e3);
        drop(process);
    }
    starts.sort_by(f64::total_cmp);

    let home = dir.join("load");
    let process = Standalone::start(binary, &home)?;
    thread::sleep(SETTLE);
    let usage = || Usage::of(process.pid()).context("the process is gone");
    let before = usage()?;
    let began = Instant::now();
    thread::sleep(Duration::from_secs(seconds));
    let after = usage()?;
    let idle = (after.cpu_seconds - before.cpu_seconds) / began.elapsed().as_secs_f64();

    let request = Request {
        method: "GET",
        path: "/api/v1/auth/profile",
        authorization: Some(format!("Bearer {}", sign_up(process.http)?)),
        body: None,
    };
    Ok(Results {
        start_ms: starts[STARTS / 2],
        idle_cpu_percent: idle * 100.0,
        idle_resident_mib: after.resident_mib,
        profile: load::run(&home, process.http, &request, 1, seconds)?,
    })
}

/// The results as a table of Markdown.
pub(super) fn table(results: &Results) -> String {
    let Results {
        start_ms,
        idle_cpu_percent,
        idle_resident_mib,
        profile,
    } = results;
    format!(
        "| Measure | Value |\n|---|--:|\n\
         | Start until ready, median of {STARTS} | {start_ms:.0} ms |\n\
         | CPU when idle | {idle_cpu_percent:.1} % of a core |\n\
         | Memory when idle | {idle_resident_mib:.0} MiB |\n\
         | Profile at one connection, p50 | {:.2} ms |\n\
         | Profile at one connection, p99 | {:.2} ms |\n\
         | Profile at one connection | {:.0} requests/s |\n",
        profile.p50_ms, profile.p99_ms, profile.requests_per_second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_per_measure() {
        let profile = Load {
            requests: 10,
            failed: 0,
            requests_per_second: 99.6,
            p50_ms: 5.0,
            p99_ms: 9.5,
        };
        let results = Results {
            start_ms: 312.4,
            idle_cpu_percent: 3.96,
            idle_resident_mib: 40.2,
            profile,
        };
        let table = table(&results);
        assert!(
            table.contains("| 312 ms |") && table.contains("| 4.0 % of a core |"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 8);
    }
}
