//! A worker or a caller, running.

use std::collections::HashSet;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Instant;

use bus_tests::report::{Ended, Line, OK, State, Summary};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::wait::{PATIENCE, within};

/// How many lines of its log a failed case shows of a process.
const TAIL: usize = 30;

/// A child process. Dropping it kills it, and shows its log if the test failed.
pub(crate) struct Process {
    name: String,
    child: Child,
    said: Said,
    log: Arc<watch::Sender<Log>>,
}

/// What it said so far.
#[derive(Clone)]
struct Said(Arc<watch::Sender<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<(Instant, Line)>,
    ended: bool,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
}

// === impl Process ===

impl Process {
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let said = Said(Arc::default());
        let log: Arc<watch::Sender<Log>> = Arc::default();
        follow(child.stdout.take().unwrap(), {
            let said = said.clone();
            move |line| match line {
                Some(line) => {
                    let line = serde_json::from_str(&line).unwrap();
                    said.0
                        .send_modify(|said| said.lines.push((Instant::now(), line)));
                }
                None => said.0.send_modify(|said| said.ended = true),
            }
        });
        follow(child.stderr.take().unwrap(), {
            let log = Arc::clone(&log);
            move |line| log.send_modify(|log| log.lines.extend(line))
        });
        Self {
            name: name.to_owned(),
            child,
            said,
            log,
        }
    }

    /// When the first line came that `wanted` takes, once there is one; and what it made of it.
    pub(crate) async fn line<T>(
        &self,
        what: &str,
        mut wanted: impl FnMut(Instant, &Line) -> Option<T>,
    ) -> T {
        let mut changes = self.said.0.subscribe();
        let mut looked = 0;
        let mut found = None;
        let look = |said: &Lines| {
            let fresh = &said.lines[looked..];
            found = fresh.iter().find_map(|(at, line)| wanted(*at, line));
            looked = said.lines.len();
            found.is_some() || said.ended
        };
        let what = format!("{what} of {}", self.name);
        drop(
            within(&what, PATIENCE, changes.wait_for(look))
                .await
                .unwrap(),
        );
        found.unwrap_or_else(|| panic!("{} ended without {what}", self.name))
    }

    /// When it said that it is ready, once it has.
    pub(crate) async fn ready(&self) -> Instant {
        let ready = |at, line: &Line| matches!(line, Line::Ready).then_some(at);
        self.line("readiness", ready).await
    }

    /// When the first call ended well that came in after `since`.
    pub(crate) async fn answered_after(&self, since: Instant) -> Instant {
        let answered = |at, line: &Line| match line {
            Line::Ended(ended) if ended.status == OK && at > since => Some(at),
            _ => None,
        };
        self.line("an answered call", answered).await
    }

    /// Ends when in each of so many lanes a call ended well that came in after `since`.
    pub(crate) async fn answered_in_each_lane(&self, lanes: usize, since: Instant) {
        let mut answered = HashSet::new();
        let each = |at, line: &Line| {
            if let Line::Ended(ended) = line
                && ended.status == OK
                && at > since
            {
                answered.insert(ended.lane);
            }
            (answered.len() == lanes).then_some(())
        };
        self.line("an answered call in each lane", each).await;
    }

    /// Ends when so many calls in all have ended.
    pub(crate) async fn ended(&self, count: usize) {
        let mut left = count;
        let counted = |_, line: &Line| {
            left -= usize::from(matches!(line, Line::Ended(_)));
            (left == 0).then_some(())
        };
        self.line("calls that ended", counted).await;
    }

    /// What it does at the moment.
    pub(crate) async fn state(&self) -> State {
        let asked = Instant::now();
        self.signal(Signal::SIGUSR1);
        let state = |at, line: &Line| match line {
            Line::State(state) if at > asked => Some(*state),
            _ => None,
        };
        self.line("the state", state).await
    }

    /// The calls that ended so far.
    pub(crate) fn endings(&self) -> Vec<(Instant, Ended)> {
        let said = self.said.0.borrow();
        let endings = said.lines.iter().filter_map(|(at, line)| match line {
            Line::Ended(ended) => Some((*at, ended.clone())),
            _ => None,
        });
        endings.collect()
    }

    /// The last line, for a process that has ended.
    pub(crate) fn stopped(&self) -> Option<State> {
        let said = self.said.0.borrow();
        said.lines.iter().rev().find_map(|(_, line)| match line {
            Line::Stopped(state) => Some(*state),
            _ => None,
        })
    }

    pub(crate) fn summary(&self) -> Option<Summary> {
        let said = self.said.0.borrow();
        said.lines.iter().rev().find_map(|(_, line)| match line {
            Line::Summary(summary) => Some(summary.clone()),
            _ => None,
        })
    }

    /// The lines of its log with `part`.
    pub(crate) fn logged(&self, part: &str) -> Vec<String> {
        let log = self.log.borrow();
        let lines = log.lines.iter().filter(|line| line.contains(part));
        lines.cloned().collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("it runs");
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    /// Its end, once all that it said was read.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let status = within(&what, PATIENCE, self.child.wait()).await.unwrap();
        let mut changes = self.said.0.subscribe();
        let read = changes.wait_for(|said| said.ended);
        drop(within(&what, PATIENCE, read).await.unwrap());
        status
    }

    /// Ends it as a power failure would.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.exit().await;
    }

    /// Asks it to end in order, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.exit().await;
        assert!(status.success(), "{}: {status}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let log = self.log.borrow();
        if std::thread::panicking() {
            let rest = &log.lines[log.lines.len().saturating_sub(TAIL)..];
            println!("--- the log of {} ---\n{}", self.name, rest.join("\n"));
            for line in runs(&self.endings()) {
                println!("{line}");
            }
        } else {
            let mut lines = log.lines.iter();
            let panicked = lines.find(|line| line.contains("panicked at"));
            assert!(panicked.is_none(), "{}: {panicked:?}", self.name);
        }
    }
}

/// Which calls ended how, in the order of their ends: a line for each run of the same status.
fn runs(endings: &[(Instant, Ended)]) -> Vec<String> {
    let same = |a: &(Instant, Ended), b: &(Instant, Ended)| a.1.status == b.1.status;
    let runs = endings.chunk_by(same).map(|run| {
        let (first, last) = (&run[0].1, &run[run.len() - 1].1);
        format!(
            "{} x {}: made from {} ms on, ended until {} ms",
            run.len(),
            first.status,
            first.begun_ms,
            last.ended_ms
        )
    });
    runs.collect()
}

/// Reads lines to the end, in the background; `None` is the end.
fn follow(
    output: impl AsyncRead + Send + Unpin + 'static,
    mut take: impl FnMut(Option<String>) + Send + 'static,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            take(Some(line));
        }
        take(None);
    });
}
