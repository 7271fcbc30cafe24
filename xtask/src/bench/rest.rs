//! The three processes on real servers under load over REST.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::load::{self, Load, Request};
use super::release_binaries;
use crate::account::{EMAIL, PASSWORD, sign_up};
use crate::context::Context;
use crate::infra::{PartKind, PrivateSet};
use crate::process::Usage;
use crate::system::System;

/// Seconds of load before the first measurement: connections, caches, just-in-time compilation.
const WARM_UP: u64 = 3;

/// One point: an operation at a number of connections.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    operation: &'static str,
    connections: u32,
    #[serde(flatten)]
    load: Load,
    processes: Vec<Cost>,
}

/// What one process used for it.
#[derive(Debug, Serialize)]
struct Cost {
    process: &'static str,
    cpu_ms_per_request: f64,
    resident_mib: f64,
}

/// Measures every point.
///
/// # Errors
/// When something does not build, start or answer.
pub(super) fn measure(context: &Context, seconds: u64, connections: &[u32]) -> Result<Vec<Point>> {
    load::prepare(context)?;
    let bin = release_binaries(context, &["--workspace"])?;
    let set = PrivateSet::start(context, 1)?;
    let dir = set.dir().join("system");
    let system = System::start(&bin, &dir, set.endpoints())?;
    let token = sign_up(system.http)?;
    let credentials = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let profile = Request {
        method: "GET",
        path: "/api/v1/auth/profile",
        authorization: Some(format!("Bearer {token}")),
        body: None,
    };
    let login = Request {
        method: "POST",
        path: "/api/v1/auth/login",
        authorization: None,
        body: Some(credentials),
    };
    let processes = processes(&system, &set);
    let mut points = Vec::new();
    for (operation, request) in [("profile", &profile), ("login", &login)] {
        load::run(&dir, system.http, request, 4, WARM_UP)?;
        for &connections in connections {
            eprintln!("{operation} at {connections} connections");
            let before = usage(&processes)?;
            let load = load::run(&dir, system.http, request, connections, seconds)?;
            let after = usage(&processes)?;
            points.push(point(operation, connections, load, &before, &after));
        }
    }
    Ok(points)
}

fn processes(system: &System, set: &PrivateSet) -> Vec<(&'static str, u32)> {
    let own = system
        .processes
        .iter()
        .map(|process| (process.name, process.pid()));
    let parts = [PartKind::Kafka, PartKind::Postgres, PartKind::Redis].into_iter();
    let parts = parts.flat_map(|kind| {
        set.pids(kind)
            .into_iter()
            .map(move |pid| (kind.name(), pid))
    });
    own.chain(parts).collect()
}

fn usage(processes: &[(&'static str, u32)]) -> Result<Vec<(&'static str, Usage)>> {
    processes
        .iter()
        .map(|&(name, pid)| {
            let usage = Usage::of(pid).with_context(|| format!("{name} is gone"))?;
            Ok((name, usage))
        })
        .collect()
}

fn point(
    operation: &'static str,
    connections: u32,
    load: Load,
    before: &[(&'static str, Usage)],
    after: &[(&'static str, Usage)],
) -> Point {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of requests stays far below 2^52"
    )]
    let requests = load.requests as f64;
    let processes = before
        .iter()
        .zip(after)
        .map(|((process, before), (_, after))| Cost {
            process,
            cpu_ms_per_request: (after.cpu_seconds - before.cpu_seconds) * 1e3 / requests,
            resident_mib: after.resident_mib,
        });
    Point {
        operation,
        connections,
        processes: processes.collect(),
        load,
    }
}

/// The results as a table of Markdown.
pub(super) fn table(points: &[Point]) -> String {
    let names: Vec<&str> = points
        .first()
        .map(|point| point.processes.iter().map(|cost| cost.process).collect())
        .unwrap_or_default();
    let mut text =
        String::from("| Operation | Connections | Requests/s | p50 ms | p99 ms | Failed |");
    for name in &names {
        text.push_str(&format!(
            " {} CPU ms |",
            name.trim_start_matches("trolleybus-")
        ));
    }
    text.push_str("\n|---|--:|--:|--:|--:|--:|");
    text.push_str(&"--:|".repeat(names.len()));
    text.push('\n');
    for point in points {
        let load = &point.load;
        write!(
            text,
            "| {} | {} | {:.0} | {:.2} | {:.2} | {} |",
            point.operation,
            point.connections,
            load.requests_per_second,
            load.p50_ms,
            load.p99_ms,
            load.failed
        )
        .expect("writing to a string does not fail");
        for cost in &point.processes {
            text.push_str(&format!(" {:.3} |", cost.cpu_ms_per_request));
        }
        text.push('\n');
    }
    if let Some(last) = points.last() {
        let memory = last.processes.iter().map(|cost| {
            let name = cost.process.trim_start_matches("trolleybus-");
            format!("{name} {:.0}", cost.resident_mib)
        });
        let memory = memory.collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "\nMemory after the last measurement, in MiB: {memory}.\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_given_per_request() {
        let load = Load {
            requests: 100,
            failed: 0,
            requests_per_second: 50.0,
            p50_ms: 1.0,
            p99_ms: 2.0,
        };
        let used = |cpu_seconds| {
            [(
                "kafka",
                Usage {
                    cpu_seconds,
                    resident_mib: 300.0,
                },
            )]
        };
        let points = [point("login", 4, load, &used(1.0), &used(1.5))];
        let table = table(&points);
        assert!(
            table.contains("| login | 4 | 50 | 1.00 | 2.00 | 0 | 5.000 |"),
            "{table}"
        );
        assert!(table.contains("in MiB: kafka 300."), "{table}");
    }
}
