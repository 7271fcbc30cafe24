//! The single process on embedded parts.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::load::{self, Load, Request};
use super::release_binaries;
use super::rest::sign_up;
use crate::context::Context;
use crate::infra::free_ports;
use crate::process::Usage;
use crate::system::{self, Ready, Running};

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
    let binary = release_binaries(context)?.join("trolleybus");
    let dir = context
        .root()
        .join(format!("target/bench-{}", std::process::id()));
    let results = measure_in(&binary, &dir, seconds);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    results
}

fn measure_in(binary: &Path, dir: &Path, seconds: u64) -> Result<Results> {
    let mut starts = Vec::new();
    for number in 0..STARTS {
        let (_process, _, took) = start(binary, &dir.join(format!("start-{number}")))?;
        starts.push(took.as_secs_f64() * 1e3);
    }
    starts.sort_by(f64::total_cmp);

    let home = dir.join("load");
    let (process, http, _) = start(binary, &home)?;
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
        authorization: Some(format!("Bearer {}", sign_up(http)?)),
        body: None,
    };
    Ok(Results {
        start_ms: starts[STARTS / 2],
        idle_cpu_percent: idle * 100.0,
        idle_resident_mib: after.resident_mib,
        profile: load::run(&home, http, &request, 1, seconds)?,
    })
}

/// Starts it with an empty data folder and waits until it is ready.
fn start(binary: &Path, home: &Path) -> Result<(Running, SocketAddr, Duration)> {
    fs::create_dir_all(home)?;
    let ports = free_ports(3)?;
    let mut command = Command::new(binary);
    command.current_dir(home).env("DATA_DIR", home.join("data"));
    for (name, port) in ["PORT", "USER_GRPC_PORT", "NOTIFICATION_GRPC_PORT"]
        .into_iter()
        .zip(&ports)
    {
        command.env(name, port.to_string());
    }
    let http = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0]));
    let began = Instant::now();
    let process = system::start(&command, "trolleybus", home, Ready::Http(http))?;
    system::await_ready(&process)?;
    Ok((process, http, began.elapsed()))
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
