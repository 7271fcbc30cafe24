//! Running `bus-bench`: a worker, and a caller beside it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use super::figures::{First, Load, Memory, Times};
use crate::process::{Usage, captured};

/// How long the same load runs before it is measured, at most.
const WARM_UP: u64 = 2;
/// How long a caller may take beyond what it measures.
const PATIENCE: Duration = Duration::from_secs(120);
/// As few calls a second as a run over a number of them may make.
const SLOWEST: u64 = 100;
/// Until a process has nothing left to do from its start.
const SETTLE: Duration = Duration::from_secs(3);

/// One of the sides of `bus-bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    /// The bare client, with the headers of the bus.
    Bare,
    /// The bare client without headers.
    Plain,
    /// The bus.
    Bus,
}

/// The program and the brokers that it runs on.
#[derive(Debug)]
pub(super) struct Program {
    binary: PathBuf,
    pub(super) brokers: String,
    /// The processes of the brokers; none if they are not ours.
    pub(super) kafka: Vec<u32>,
}

/// A running worker; it ends when this is dropped, or this process ends.
#[derive(Debug)]
struct Worker(Child);

impl Side {
    /// Its name, on the command line and in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Plain => "plain",
            Self::Bus => "bus",
        }
    }
}

impl Program {
    pub(super) fn new(binary: PathBuf, brokers: &str, kafka: Vec<u32>) -> Self {
        let brokers = brokers.to_owned();
        Self {
            binary,
            brokers,
            kafka,
        }
    }

    /// One run with a fresh worker and a fresh caller.
    ///
    /// # Errors
    /// When one of them fails.
    pub(super) fn load(&self, side: Side, in_flight: u32, seconds: u64) -> Result<Load> {
        let worker = Worker::start(self.command("worker").arg(side.name()))?;
        let mut caller = self.command("load");
        caller.args([side.name(), "--in-flight", &in_flight.to_string()]);
        caller.args(["--seconds", &seconds.to_string()]);
        caller.args(["--warm-up", &seconds.min(WARM_UP).to_string()]);
        caller.args(["--watch", &format!("worker={}", worker.pid())]);
        for pid in &self.kafka {
            caller.args(["--watch", &format!("kafka={pid}")]);
        }
        let output = captured(&mut caller, Duration::from_secs(seconds) + PATIENCE)?;
        worker.end()?;
        Load::parse(&output).with_context(|| format!("a run printed no result:\n{output}"))
    }

    /// The first calls of a fresh caller, to a fresh worker.
    ///
    /// # Errors
    /// When one of them fails.
    pub(super) fn first(&self, side: Side) -> Result<First> {
        let worker = Worker::start(self.command("worker").arg(side.name()))?;
        let output = captured(self.command("first").arg(side.name()), PATIENCE)?;
        worker.end()?;
        let times: Times = serde_json::from_str(&output)
            .with_context(|| format!("the first calls printed no result:\n{output}"))?;
        Ok(First { side, times })
    }

    /// What a worker of 20 topics uses while nobody calls it, in hundredths of a core.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn idle_cpu_percent(&self, seconds: u64) -> Result<f64> {
        let worker = Worker::start(&mut self.command("idle"))?;
        thread::sleep(SETTLE);
        let usage = || Usage::of(worker.pid()).context("the idle worker is gone");
        let before = usage()?;
        let begun = Instant::now();
        thread::sleep(Duration::from_secs(seconds));
        let used = usage()?.cpu_seconds - before.cpu_seconds;
        let percent = used / begun.elapsed().as_secs_f64() * 100.0;
        worker.end()?;
        Ok(percent)
    }

    /// Memory of both ends of the bus, at each tenth of a number of calls.
    ///
    /// # Errors
    /// When one of them fails.
    pub(super) fn memory(&self, calls: u64) -> Result<Vec<Memory>> {
        let side = Side::Bus.name();
        let worker = Worker::start(self.command("worker").arg(side))?;
        let mut caller = self.command("memory");
        caller.args([side, "--calls", &calls.to_string()]);
        caller.args(["--watch", &format!("worker={}", worker.pid())]);
        let limit = Duration::from_secs(calls / SLOWEST) + PATIENCE;
        let output = captured(&mut caller, limit)?;
        worker.end()?;
        let lines = output.lines().map(serde_json::from_str);
        let lines: Result<Vec<_>, _> = lines.collect();
        lines.with_context(|| format!("a look at memory printed no result:\n{output}"))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["--brokers", &self.brokers, verb]);
        command
    }
}

impl Worker {
    /// Starts one and waits until it says that it is ready.
    fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut worker = Self(child);
        let output = worker.0.stdout.take().context("a worker has no output")?;
        let mut line = String::new();
        // It gives up by itself if it does not become ready.
        BufReader::new(output).read_line(&mut line)?;
        if line.trim() != "ready" {
            bail!("a worker did not become ready: {}", worker.0.wait()?);
        }
        Ok(worker)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Lets it end by itself.
    fn end(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let status = self.0.wait()?;
        if !status.success() {
            bail!("a worker failed: {status}");
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing happens to one that has ended.
        let ended = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = ended {
            eprintln!("a worker may still run: {error}");
        }
    }
}
