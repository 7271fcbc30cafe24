//! A set of plain processes on free ports.

pub(super) mod kafka;
mod postgres;
mod probe;
mod redis;
pub(super) mod secured;
mod session;

use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sys::signal::Signal;

use super::endpoints::Endpoints;
use super::ports;
use super::programs::Programs;
use super::state::{Engine, Part, PartKind, State, Which};
use crate::context::Context;
use crate::process::{Identity, log_tail};

/// How long a server may take to answer; a cold disk and a busy machine included.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long a server may take to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(25);

/// The folder of a set and what runs in it.
#[derive(Debug)]
pub(super) struct Native<'a> {
    pub(super) dir: &'a Path,
    pub(super) programs: Programs,
    pub(super) libraries: PathBuf,
}

impl<'a> Native<'a> {
    /// Finds or installs what is needed, Kafka's libraries included.
    ///
    /// # Errors
    /// `NotPossible` when a program is missing; or a failed download.
    pub(super) fn new(context: &Context, dir: &'a Path) -> Result<Self> {
        let programs = Programs::find(context)?;
        let libraries = kafka::libraries(context)?;
        Ok(Self {
            dir,
            programs,
            libraries,
        })
    }

    /// A set that was never started: ports and places, nothing more.
    ///
    /// # Errors
    /// When there are no free ports.
    pub(super) fn plan(&self, brokers: u16) -> Result<State> {
        let mut free = ports::pick(usize::from(brokers) * 2 + 2)?.into_iter();
        let mut next = || free.next().context("too few ports were picked");
        let mut parts = Vec::new();
        for (kind, count) in [
            (PartKind::Postgres, 1),
            (PartKind::Redis, 1),
            (PartKind::Kafka, brokers),
        ] {
            for node in 1..=count {
                let port = next()?;
                let controller_port = (kind == PartKind::Kafka).then(&mut next).transpose()?;
                parts.push(Part {
                    kind,
                    node,
                    port,
                    controller_port,
                    process: None,
                });
            }
        }
        let endpoints = endpoints(&parts);
        let postgres_home = postgres::home(self.dir)?;
        Ok(State {
            engine: Engine::Native,
            endpoints,
            parts,
            postgres_home,
            guard: None,
        })
    }

    /// Starts those parts that are meant and do not run, and waits until they answer. Each process
    /// is recorded before it is waited for.
    ///
    /// # Errors
    /// With the end of its log when a server does not come up.
    pub(super) fn start(&self, state: &mut State, which: Which) -> Result<()> {
        let wanted: Vec<usize> = (0..state.parts.len())
            .filter(|&index| which.means(&state.parts[index]))
            .filter(|&index| !state.parts[index].alive())
            .collect();
        self.prepare(state, &wanted)?;
        let mut children = Vec::new();
        for &index in &wanted {
            let child = self.spawn(state, &state.parts[index])?;
            state.parts[index].process = Some(Identity::of(child.id())?);
            state.save(self.dir)?;
            children.push((index, child));
        }
        for (index, mut child) in children {
            // A broker that comes back alone does not wait for others that are away.
            let whole = which.node.is_none();
            self.await_ready(state, &state.parts[index], whole, &mut child)?;
            // Reaped when it ends: this process may outlive it.
            thread::spawn(move || child.wait());
        }
        for part in state.parts.iter().filter(|part| which.means(part)) {
            if let Some(process) = &part.process {
                process.signal(Signal::SIGCONT)?;
            }
        }
        Ok(())
    }

    /// First-time work such as `initdb`, for all parts at once.
    fn prepare(&self, state: &State, wanted: &[usize]) -> Result<()> {
        thread::scope(|scope| {
            let work: Vec<_> = wanted
                .iter()
                .map(|&index| &state.parts[index])
                .map(|part| {
                    scope.spawn(move || match part.kind {
                        PartKind::Kafka => kafka::prepare(self, state, part),
                        PartKind::Postgres => postgres::prepare(self, state),
                        PartKind::Redis => Ok(()),
                    })
                })
                .collect();
            work.into_iter().try_for_each(|work| {
                work.join()
                    .unwrap_or_else(|_| Err(anyhow!("preparing a server panicked")))
            })
        })
    }

    fn spawn(&self, state: &State, part: &Part) -> Result<Child> {
        match part.kind {
            PartKind::Kafka => kafka::spawn(self, state, part),
            PartKind::Postgres => postgres::spawn(self, state, part),
            PartKind::Redis => redis::spawn(self, part),
        }
    }

    fn await_ready(
        &self,
        state: &State,
        part: &Part,
        whole: bool,
        child: &mut Child,
    ) -> Result<()> {
        let deadline = Instant::now() + READY_LIMIT;
        let awaited: Vec<u16> = state
            .of(PartKind::Kafka)
            .map(|broker| broker.node)
            .filter(|node| whole || *node == part.node)
            .collect();
        loop {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "{} ended at once: {status}\n{}",
                    part.name(),
                    log_tail(&self.log(part))
                );
            }
            let failure = match part.kind {
                PartKind::Kafka => kafka::ready(part.port, &awaited),
                PartKind::Postgres => postgres::ready(part),
                PartKind::Redis => redis::ready(part),
            };
            let Err(failure) = failure else { break };
            if Instant::now() >= deadline {
                let log = log_tail(&self.log(part));
                bail!("{} does not answer ({failure:#})\n{log}", part.name());
            }
            thread::sleep(POLL);
        }
        if part.kind == PartKind::Postgres {
            postgres::create_database(part)
        } else {
            Ok(())
        }
    }

    /// The file that takes a server's output.
    pub(super) fn log(&self, part: &Part) -> PathBuf {
        self.dir.join(format!("{}.log", part.name()))
    }
}

/// Ends a part by request and, if it does not listen, by force.
///
/// # Errors
/// When it does not end.
pub(super) fn stop(part: &Part) -> Result<()> {
    let Some(process) = &part.process else {
        return Ok(());
    };
    match part.kind {
        // Fast shutdown: ends the connections of clients instead of waiting for them.
        PartKind::Postgres => process.stop(Signal::SIGINT, STOP_PATIENCE),
        PartKind::Kafka | PartKind::Redis => process.stop(Signal::SIGTERM, STOP_PATIENCE),
    }
}

/// Ends a part as a power failure would.
///
/// # Errors
/// When it does not end.
pub(super) fn kill(part: &Part) -> Result<()> {
    part.process.as_ref().map_or(Ok(()), Identity::kill_tree)
}

/// Freezes a part: connections stay open and nothing answers.
///
/// # Errors
/// When the signal may not be sent.
pub(super) fn pause(part: &Part) -> Result<()> {
    part.process
        .as_ref()
        .map_or(Ok(()), |process| process.signal(Signal::SIGSTOP))
}

fn endpoints(parts: &[Part]) -> Endpoints {
    let addresses = |kind| {
        let of_kind = parts.iter().filter(move |part| part.kind == kind);
        of_kind
            .map(|part| format!("127.0.0.1:{}", part.port))
            .collect::<Vec<_>>()
            .join(",")
    };
    Endpoints {
        kafka: addresses(PartKind::Kafka),
        database: postgres::url(&addresses(PartKind::Postgres)),
        redis: format!("redis://{}", addresses(PartKind::Redis)),
    }
}
