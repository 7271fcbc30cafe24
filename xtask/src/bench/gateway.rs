//! The gateway alone before a gRPC server that costs little, beside a bare pass-through and, if they are
//! given, other gateways.

mod peer;
mod table;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::json;

use super::Output;
use super::load::{self, Load, Pace, Request};
use super::release_binaries;
use crate::bench::peer::Peer;
use crate::context::Context;
use crate::infra::free_ports;
use crate::process::Usage;
use crate::standalone::Scratch;
use crate::system::{self, Ready, Running};

pub(super) use table::table;

/// Seconds of load before the first measurement.
const WARM_UP: u64 = 2;

/// How often the start is measured; the median counts.
const STARTS: usize = 5;

/// The share of the most that a side can do at which its latency is looked at.
const LOADED: f64 = 0.8;

/// The most is found with these connections,
const LOADED_CONNECTIONS: u32 = 16;

/// and the share of it kept with these: enough that each waits for some milliseconds in between.
const PACED_CONNECTIONS: u32 = 128;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each point is measured.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often each point is measured, in turn with the others; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// How many connections are kept busy.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<u32>,
    /// Another gateway: NAME=COMMAND, started with PORT, on which it answers the same two requests, and
    /// UPSTREAM, the `host:port` of a gRPC server that answers every call with the same user. May be
    /// repeated.
    #[arg(long, value_name = "NAME=COMMAND")]
    peer: Vec<Peer>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    points: Vec<Point>,
    loaded: Vec<Loaded>,
    start: Start,
}

/// One request at one number of connections on one side: medians over the rounds.
#[derive(Debug, Clone, Serialize)]
struct Point {
    operation: &'static str,
    connections: u32,
    side: String,
    cpu_ms_per_request: f64,
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    failed: u64,
    resident_mib: f64,
}

/// A side at a share of the most that it can do.
#[derive(Debug, Clone, Serialize)]
struct Loaded {
    side: String,
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// From the start of the process to `/readyz`, with a contract of 500 methods.
#[derive(Debug, Serialize)]
struct Start {
    median_ms: f64,
    resident_mib: f64,
}

/// One that answers.
struct Side {
    name: String,
    process: Running,
    address: SocketAddr,
}

/// Measures all sides.
///
/// # Errors
/// When something does not build, start or answer.
pub(super) fn measure(context: &Context, options: &Options) -> Result<Results> {
    load::prepare(context)?;
    let bin = release_binaries(context, &["-p", "gateway", "-p", "gateway-bench"])?;
    let scratch = Scratch::new(context, "bench-gateway")?;
    let dir = scratch.path();
    let start = start(&bin, dir)?;
    let small = contract(&bin, dir, "small")?;
    let stub_port = free_ports(1)?[0];
    let stub = SocketAddr::from((Ipv4Addr::LOCALHOST, stub_port));
    let mut command = Command::new(bin.join("gateway-bench"));
    command.args(["stub", "--port", &stub_port.to_string()]);
    let stub_process = system::start(&command, "stub", dir, Ready::Listens(stub))?;
    system::await_ready(&stub_process)?;

    let mut sides = vec![gateway(&bin, dir, &small, stub)?, bare(&bin, dir, stub)?];
    for peer in &options.peer {
        let port = free_ports(1)?[0];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let process = peer.start(dir, address, stub)?;
        let name = peer.name.clone();
        sides.push(Side {
            name,
            process,
            address,
        });
    }
    let requests = [
        (
            "profile",
            Request {
                method: "GET",
                path: "/api/v1/auth/profile",
                authorization: None,
                body: None,
            },
        ),
        (
            "login",
            Request {
                method: "POST",
                path: "/api/v1/auth/login",
                authorization: None,
                body: Some(
                    json!({"email": "ada@example.com", "password": "correct horse"}).to_string(),
                ),
            },
        ),
    ];
    let mut points = Vec::new();
    for (operation, request) in &requests {
        for side in &sides {
            load::run(dir, side.address, request, 4, WARM_UP)?;
        }
        for &connections in &options.connections {
            let mut rounds = vec![Vec::new(); sides.len()];
            for round in 1..=options.rounds {
                for (side, rounds) in sides.iter().zip(&mut rounds) {
                    eprintln!("{operation} at {connections}, round {round}: {}", side.name);
                    rounds.push(side.point(
                        dir,
                        operation,
                        request,
                        connections,
                        options.seconds,
                    )?);
                }
            }
            points.extend(rounds.iter().filter_map(|rounds| median(rounds)));
        }
    }
    let mut rounds = vec![Vec::new(); sides.len()];
    for _ in 0..options.rounds {
        for (side, rounds) in sides.iter().zip(&mut rounds) {
            rounds.push(side.loaded(dir, &requests[0].1, options.seconds)?);
        }
    }
    Ok(Results {
        points,
        loaded: rounds.iter().filter_map(|rounds| usual(rounds)).collect(),
        start,
    })
}

impl Side {
    fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.pid()).with_context(|| format!("{} is gone", self.name))
    }

    fn point(
        &self,
        dir: &Path,
        operation: &'static str,
        request: &Request,
        connections: u32,
        seconds: u64,
    ) -> Result<Point> {
        let before = self.usage()?;
        let load = load::run(dir, self.address, request, connections, seconds)?;
        let after = self.usage()?;
        let Load {
            requests,
            failed,
            requests_per_second,
            p50_ms,
            p99_ms,
        } = load;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of requests stays far below 2^52"
        )]
        let cpu_ms_per_request = (after.cpu_seconds - before.cpu_seconds) * 1e3 / requests as f64;
        Ok(Point {
            operation,
            connections,
            side: self.name.clone(),
            cpu_ms_per_request,
            requests_per_second,
            p50_ms,
            p99_ms,
            failed,
            resident_mib: after.resident_mib,
        })
    }

    /// Latency at a share of the most.
    fn loaded(&self, dir: &Path, request: &Request, seconds: u64) -> Result<Loaded> {
        eprintln!("{} at {LOADED} of the most", self.name);
        let most = load::run(dir, self.address, request, LOADED_CONNECTIONS, seconds)?;
        let rate = most.requests_per_second * LOADED;
        let pace = Pace {
            connections: PACED_CONNECTIONS,
            requests_per_second: rate,
        };
        let load = load::run_paced(dir, self.address, request, pace, seconds)?;
        Ok(Loaded {
            side: self.name.clone(),
            requests_per_second: load.requests_per_second,
            p50_ms: load.p50_ms,
            p99_ms: load.p99_ms,
        })
    }
}

/// The median of a figure.
fn mid<T>(rounds: &[T], figure: &dyn Fn(&T) -> f64) -> Option<f64> {
    let mut figures: Vec<_> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// Each figure's median.
fn usual(rounds: &[Loaded]) -> Option<Loaded> {
    let mid = |figure: &dyn Fn(&Loaded) -> f64| mid(rounds, figure);
    Some(Loaded {
        side: rounds.first()?.side.clone(),
        requests_per_second: mid(&|loaded| loaded.requests_per_second)?,
        p50_ms: mid(&|loaded| loaded.p50_ms)?,
        p99_ms: mid(&|loaded| loaded.p99_ms)?,
    })
}

/// Each figure's median.
fn median(rounds: &[Point]) -> Option<Point> {
    let mid = |figure: &dyn Fn(&Point) -> f64| mid(rounds, figure);
    let first = rounds.first()?;
    Some(Point {
        cpu_ms_per_request: mid(&|point| point.cpu_ms_per_request)?,
        requests_per_second: mid(&|point| point.requests_per_second)?,
        p50_ms: mid(&|point| point.p50_ms)?,
        p99_ms: mid(&|point| point.p99_ms)?,
        resident_mib: mid(&|point| point.resident_mib)?,
        failed: rounds.iter().map(|point| point.failed).sum(),
        ..first.clone()
    })
}

fn gateway(bin: &Path, dir: &Path, set: &Path, stub: SocketAddr) -> Result<Side> {
    let upstreams = format!("bench.v1.UserService=http://{stub}");
    let (process, address) = start_gateway(bin, dir, set, &upstreams)?;
    Ok(Side {
        name: "trolleybus".into(),
        process,
        address,
    })
}

/// The gateway in front of HTTP/2 upstreams alone, without Kafka and Redis.
fn start_gateway(
    bin: &Path,
    dir: &Path,
    set: &Path,
    upstreams: &str,
) -> Result<(Running, SocketAddr)> {
    let port = free_ports(1)?[0];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = Command::new(bin.join("trolleybus-gateway"));
    command
        .env("PORT", port.to_string())
        .env("ADMIN_PORT", "0")
        .env("LOG_LEVEL", "warn")
        .env("DESCRIPTOR_SETS", set)
        .env("DEFAULT_ACCESS", "public")
        .env("UPSTREAMS", upstreams);
    let process = system::start(&command, "gateway", dir, Ready::Http(address))?;
    system::await_ready(&process)?;
    Ok((process, address))
}

fn bare(bin: &Path, dir: &Path, stub: SocketAddr) -> Result<Side> {
    let port = free_ports(1)?[0];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = Command::new(bin.join("gateway-bench"));
    command.args([
        "bare",
        "--port",
        &port.to_string(),
        "--upstream",
        &stub.to_string(),
    ]);
    let process = system::start(&command, "bare", dir, Ready::Listens(address))?;
    system::await_ready(&process)?;
    Ok(Side {
        name: "bare".into(),
        process,
        address,
    })
}

fn contract(bin: &Path, dir: &Path, size: &str) -> Result<PathBuf> {
    let path = dir.join(format!("{size}.binpb"));
    let output = Command::new(bin.join("gateway-bench"))
        .args(["contract", size])
        .output()?;
    ensure!(
        output.status.success(),
        "gateway-bench contract {size} failed"
    );
    fs::write(&path, output.stdout)?;
    Ok(path)
}

fn start(bin: &Path, dir: &Path) -> Result<Start> {
    let large = contract(bin, dir, "large")?;
    let services = (0..50).map(|service| format!("large.v1.S{service}=http://127.0.0.1:1"));
    let upstreams = services.collect::<Vec<_>>().join(",");
    let mut times = Vec::new();
    let mut resident_mib = 0.0;
    for _ in 0..STARTS {
        let began = Instant::now();
        let (process, _) = start_gateway(bin, dir, &large, &upstreams)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        resident_mib = Usage::of(process.pid())
            .context("the gateway is gone")?
            .resident_mib;
    }
    times.sort_by(f64::total_cmp);
    Ok(Start {
        median_ms: times[STARTS / 2],
        resident_mib,
    })
}
