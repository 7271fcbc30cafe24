//! A fresh set for one run of tests or of a benchmark, which ends with it whatever happens.
//!
//! A second process, the guard, starts the set and ends it when its standard input closes. The kernel
//! closes it when the first one ends, be it by return, panic, Ctrl-C or SIGKILL.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::endpoints::Endpoints;
use super::programs::NotPossible;
use super::set;
use super::state::{PartKind, State};
use crate::context::Context;
use crate::process::Identity;

const PREFIX: &str = "private-";

/// A running set that is stopped and deleted on drop.
#[derive(Debug)]
pub(crate) struct PrivateSet {
    dir: PathBuf,
    state: State,
    guard: Child,
}

impl PrivateSet {
    /// Starts a set with 1 or 3 brokers in a folder and on ports of its own.
    ///
    /// # Errors
    /// [`NotPossible`] when this machine has no way to run one; or why a part did not start.
    pub(crate) fn start(context: &Context, brokers: u16) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        sweep(context);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let dir = context.infra_dir().join(name);
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["infra", "guard", "--brokers", &brokers.to_string(), "--dir"])
            .arg(&dir);
        if context.may_install() {
            command.arg("--install");
        }
        // A process group of its own: Ctrl-C must not reach it before it has cleaned up.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut guard = command.spawn().context("cannot start the guard of a set")?;
        let output = guard.stdout.take().context("the guard has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let state = match serde_json::from_str(&line) {
            Ok(Reply::Ready(state)) => *state,
            Ok(Reply::NotPossible(reason)) => bail!(NotPossible(reason)),
            Ok(Reply::Failed(reason)) => bail!("the infrastructure did not start: {reason}"),
            Err(_) => bail!("the guard of the set ended: {}", guard.wait()?),
        };
        Ok(Self { dir, state, guard })
    }

    /// Where its parts answer.
    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.state.endpoints
    }

    /// Its folder, for `cargo xtask infra stop|start|pause --dir`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The processes of one kind of part; none when containers run it.
    pub(crate) fn pids(&self, kind: PartKind) -> Vec<u32> {
        self.state
            .of(kind)
            .filter_map(|part| part.process.as_ref())
            .map(Identity::pid)
            .collect()
    }
}

impl Drop for PrivateSet {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Err(error) = self.guard.wait() {
            eprintln!(
                "the infrastructure in {} may not have ended: {error}",
                self.dir.display()
            );
        }
    }
}

/// What the guard says on its standard output, as one line of JSON.
#[derive(Serialize, Deserialize)]
enum Reply {
    Ready(Box<State>),
    NotPossible(String),
    Failed(String),
}

/// The guard: starts a set, says so, waits for its standard input to close, and deletes the set.
///
/// # Errors
/// When the set cannot be ended. That it cannot be started is an answer, not an error.
pub(super) fn guard(context: &Context, dir: &Path, brokers: u16) -> Result<()> {
    let myself = Identity::of(std::process::id())?;
    let reply = match set::start(context, dir, brokers, Some(myself)) {
        Ok(state) => Reply::Ready(Box::new(state)),
        Err(error) if error.is::<NotPossible>() => Reply::NotPossible(format!("{error:#}")),
        Err(error) => Reply::Failed(format!("{error:#}")),
    };
    // Not `println!`, which would panic, leaving the set behind, if nobody listens any more.
    let line = serde_json::to_string(&reply)?;
    let told = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
    if told.is_ok() && matches!(reply, Reply::Ready(_)) {
        std::io::stdin().read_to_end(&mut Vec::new())?;
    }
    set::purge(dir).map(drop)
}

/// Ends sets whose guard was itself killed.
fn sweep(context: &Context) {
    let Ok(entries) = fs::read_dir(context.infra_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        if abandoned(&entry.path(), rest)
            && let Err(error) = set::purge(&entry.path())
        {
            eprintln!(
                "cannot remove the abandoned {}: {error:#}",
                entry.path().display()
            );
        }
    }
}

fn abandoned(dir: &Path, owner: &str) -> bool {
    match State::load(dir) {
        Ok(Some(State {
            guard: Some(guard), ..
        })) => !guard.alive(),
        // Nothing was started yet. The name starts with the pid of the process that wanted it.
        Ok(None) => {
            let pid = owner.split('-').next().and_then(|pid| pid.parse().ok());
            pid.is_none_or(|pid| Identity::of(pid).is_err())
        }
        Ok(Some(_)) | Err(_) => false,
    }
}

/// Turns a missing possibility into a reason and leaves every other error one.
///
/// # Errors
/// Any error that is not [`NotPossible`].
pub(crate) fn reason_not_possible(error: anyhow::Error) -> Result<String> {
    match error.downcast::<NotPossible>() {
        Ok(reason) => Ok(reason.to_string()),
        Err(error) => Err(anyhow!(error)),
    }
}
