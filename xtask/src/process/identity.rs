//! A process that can be told from a later one with the same pid.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// How often a process that should end is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A pid together with the moment it started, so that a recycled pid is never taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pid: u32,
    started: String,
}

impl Identity {
    /// Records the running process `pid`.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let started = started(pid).with_context(|| format!("process {pid} is not running"))?;
        Ok(Self { pid, started })
    }

    /// The bare number, for display and `/proc`.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether this very process still runs; an exited one that nobody has reaped does not count.
    pub(crate) fn alive(&self) -> bool {
        started(self.pid).is_some_and(|started| started == self.started)
    }

    /// Sends a signal, if this very process still runs.
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        if !self.alive() {
            return Ok(());
        }
        match signal::kill(self.raw()?, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot signal process {}", self.pid)),
        }
    }

    /// Kills it and everything it started, as a power failure would, and waits until all are gone.
    ///
    /// # Errors
    /// When one of them outlives SIGKILL by ten seconds.
    pub(crate) fn kill_tree(&self) -> Result<()> {
        let children = if self.alive() {
            descendants(self.pid)
        } else {
            Vec::new()
        };
        self.signal(Signal::SIGKILL)?;
        for child in &children {
            child.signal(Signal::SIGKILL)?;
        }
        for process in children.iter().chain([self]) {
            if !process.ended_within(Duration::from_secs(10)) {
                bail!("process {} does not end, not even by SIGKILL", process.pid);
            }
        }
        Ok(())
    }

    /// Asks with `signal` and, past `patience`, kills.
    ///
    /// # Errors
    /// See [`Identity::kill_tree`].
    pub(crate) fn stop(&self, signal: Signal, patience: Duration) -> Result<()> {
        self.signal(signal)?;
        // A paused process would never see the signal.
        self.signal(Signal::SIGCONT)?;
        if self.ended_within(patience) {
            Ok(())
        } else {
            self.kill_tree()
        }
    }

    fn ended_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.alive() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    fn raw(&self) -> Result<Pid> {
        Ok(Pid::from_raw(
            i32::try_from(self.pid).context("a pid out of range")?,
        ))
    }
}

/// When `pid` started, in terms that a reboot does not repeat; none if it does not run.
fn started(pid: u32) -> Option<String> {
    if let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        let stat = Stat::of(pid)?;
        return (!stat.ended()).then(|| format!("{} {}", boot.trim(), stat.started));
    }
    // Without /proc (macOS): the start as `ps` words it, to the second.
    let output = Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let (state, started) = line.trim().split_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Everything that `pid` started, directly or not, as far as `/proc` tells.
pub(super) fn descendants(pid: u32) -> Vec<Identity> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let child: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((child, Stat::of(child)?.parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(child, _)| *child),
        );
        next += 1;
    }
    found
        .into_iter()
        .skip(1)
        .filter_map(|pid| Identity::of(pid).ok())
        .collect()
}

/// The fields of `/proc/PID/stat` (proc(5)) that are of use here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    state: char,
    parent: u32,
    /// User and kernel time, children that were waited for included, in clock ticks.
    pub(super) ticks: u64,
    /// Start after boot, in clock ticks.
    started: u64,
    threads: u64,
}

impl Stat {
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may itself hold spaces and parentheses, so fields count from its end.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            started: number(19)?,
            threads: number(17)?,
        })
    }

    /// The first thread of a killed process is a zombie while others still end, and with them the
    /// process's sockets.
    const fn ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_name_with_spaces_and_parentheses() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 1 0 0 0 30 12 3 1 20 0 1 0 98765 1 2 3";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            stat,
            Stat {
                state: 'S',
                parent: 7,
                ticks: 46,
                started: 98765,
                threads: 1
            }
        );
    }

    #[test]
    fn truncated_stat_is_refused() {
        assert_eq!(Stat::parse("42 (a) S 7"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_recycled_pid_is_another_process() {
        let me = Identity::of(std::process::id()).unwrap();
        assert!(me.alive());
        let earlier = Identity {
            started: "an earlier boot 1".to_owned(),
            ..me
        };
        assert!(!earlier.alive());
        // Would end this very test if it were taken for the recorded process.
        earlier.signal(Signal::SIGKILL).unwrap();
    }

    #[test]
    fn an_unreaped_child_counts_as_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.alive());
        identity.kill_tree().unwrap();
        assert!(!identity.alive());
        child.wait().unwrap();
    }

    #[test]
    fn killing_a_process_takes_what_it_started_along() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        let identity = Identity::of(shell.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let children = loop {
            let children = descendants(shell.id());
            if !children.is_empty() || Instant::now() > deadline {
                break children;
            }
            thread::sleep(POLL);
        };
        assert_eq!(children.len(), 1);
        identity.kill_tree().unwrap();
        assert!(!children[0].alive());
        shell.wait().unwrap();
    }
}
