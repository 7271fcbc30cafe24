//! Starting and stopping a set, whatever runs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::docker;
use super::native::{self, Native};
use super::ports;
use super::state::{Engine, Lock, Part, PartKind, State, Which};
use crate::context::Context;
use crate::process::Identity;

/// What to do to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Start it if it does not run; let it go on if it is paused.
    Start,
    /// Ask it to end.
    Stop,
    /// End it as a power failure would.
    Kill,
    /// Freeze it.
    Pause,
}

/// The folder of the set that a developer works with.
pub(super) fn developer_dir(context: &Context) -> PathBuf {
    context.infra_dir().join("dev")
}

/// Starts the set in `dir`, or what is missing of it, and waits until all of it answers.
/// A set that runs already is left as it is.
///
/// # Errors
/// `NotPossible` when this machine has no way to run it; or why a part did not start, in which case
/// nothing is left running.
pub(super) fn start(
    context: &Context,
    dir: &Path,
    brokers: u16,
    guard: Option<Identity>,
) -> Result<State> {
    let _lock = Lock::acquire(dir)?;
    if let Some(mut state) = State::load(dir)? {
        if usage_matches(&state, brokers) && resume(context, dir, &mut state)? {
            return Ok(state);
        }
        eprintln!("the recorded set cannot be continued; starting a new one");
        remove(dir, &state)?;
    }
    if brokers == 1 && docker::available(context) {
        match docker::start(context, dir, guard.clone()) {
            Ok(state) => return Ok(state),
            Err(error) => eprintln!("docker compose did not work, trying without: {error:#}"),
        }
    }
    let native = Native::new(context, dir)?;
    let mut state = native.plan(brokers)?;
    state.guard = guard;
    state.save(dir)?;
    start_or_clean_up(&native, &mut state)?;
    Ok(state)
}

/// Whether a recorded set is of the wanted size.
fn usage_matches(state: &State, brokers: u16) -> bool {
    state.of(PartKind::Kafka).count() == usize::from(brokers)
}

/// Continues a recorded set on its ports; false if that cannot be, because somebody took a port.
fn resume(context: &Context, dir: &Path, state: &mut State) -> Result<bool> {
    if let Engine::Docker { project } = &state.engine {
        return Ok(
            docker::available(context) && docker::act(dir, project, None, Action::Start).is_ok()
        );
    }
    let free =
        |part: &Part| ports::is_free(part.port) && part.controller_port.is_none_or(ports::is_free);
    let taken = |part: &Part| !part.alive() && !free(part);
    if state.parts.iter().any(taken) {
        return Ok(false);
    }
    let native = Native::new(context, dir)?;
    start_or_clean_up(&native, state)?;
    Ok(true)
}

fn start_or_clean_up(native: &Native<'_>, state: &mut State) -> Result<()> {
    native.start(state, Which::default()).inspect_err(|_| {
        if let Err(error) = each_at_once(&state.parts, native::kill) {
            eprintln!("while cleaning up: {error:#}");
        }
    })
}

/// Applies an action to some parts of the set in `dir`.
///
/// # Errors
/// When there is no set or no such part, or the action fails.
pub(super) fn act(context: &Context, dir: &Path, which: Which, action: Action) -> Result<()> {
    let _lock = Lock::acquire(dir)?;
    let mut state = State::load(dir)?
        .with_context(|| format!("no infrastructure was started in {}", dir.display()))?;
    let parts: Vec<Part> = state
        .parts
        .iter()
        .filter(|part| which.means(part))
        .cloned()
        .collect();
    if parts.is_empty() {
        bail!("the set has no such part; `cargo xtask infra status` lists what it has");
    }
    if let Engine::Docker { project } = &state.engine {
        return docker::act(dir, project, which.kind, action);
    }
    match action {
        Action::Start => Native::new(context, dir)?.start(&mut state, which),
        Action::Stop => each_at_once(&parts, native::stop),
        Action::Kill => each_at_once(&parts, native::kill),
        Action::Pause => parts.iter().try_for_each(native::pause),
    }
}

/// Stops the set in `dir`; its data stay for the next start. False if there is none.
///
/// # Errors
/// When a part does not end.
pub(super) fn stop(dir: &Path) -> Result<bool> {
    let _lock = Lock::acquire(dir)?;
    let Some(mut state) = State::load(dir)? else {
        return Ok(false);
    };
    if let Engine::Docker { project } = &state.engine {
        docker::act(dir, project, None, Action::Stop)?;
        return Ok(true);
    }
    each_at_once(&state.parts, native::stop)?;
    for part in &mut state.parts {
        part.process = None;
    }
    state.save(dir)?;
    Ok(true)
}

/// Ends the set in `dir` by force and deletes all it has. False if there is none.
///
/// # Errors
/// When a part does not end or a file cannot be deleted.
pub(super) fn purge(dir: &Path) -> Result<bool> {
    let lock = Lock::acquire(dir)?;
    let state = State::load(dir)?;
    if let Some(state) = &state {
        remove(dir, state)?;
    }
    drop(lock);
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    Ok(state.is_some())
}

/// Ends a set and deletes its data, its state last; the folder, its lock and its logs stay.
fn remove(dir: &Path, state: &State) -> Result<()> {
    match &state.engine {
        Engine::Docker { project } => docker::remove(dir, project)?,
        Engine::Native => {
            each_at_once(&state.parts, native::kill)?;
            let data = state.parts.iter().map(|part| dir.join(part.name()));
            for data in data.chain([state.postgres_home.clone()]) {
                if data.is_dir() {
                    fs::remove_dir_all(&data)
                        .with_context(|| format!("cannot remove {}", data.display()))?;
                }
            }
        }
    }
    fs::remove_file(dir.join("state.json")).context("cannot remove the state file")
}

fn each_at_once(parts: &[Part], action: fn(&Part) -> Result<()>) -> Result<()> {
    std::thread::scope(|scope| {
        let running: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(move || action(part)))
            .collect();
        let results: Vec<_> = running
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        results
            .into_iter()
            .try_for_each(|result| result.unwrap_or_else(|_| Err(anyhow!("stopping panicked"))))
    })
}
