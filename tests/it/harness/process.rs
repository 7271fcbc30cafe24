//! A binary of the platform, running.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::log::Log;
use super::wait::within;

/// A child process. Dropping it kills it, and shows its logs if the test failed.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Standard output.
    pub(crate) out: Log,
    /// Standard error, where the logs go.
    pub(crate) log: Log,
}

/// The path of one of the platform's binaries.
fn binary(name: &str) -> PathBuf {
    let dir = std::env::var_os("TROLLEYBUS_BIN_DIR").map(PathBuf::from);
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug");
    let path = dir.unwrap_or_else(built).join(name);
    assert!(
        path.exists(),
        "{} does not exist: run `cargo build --workspace --bins`, or say in TROLLEYBUS_BIN_DIR \
         where the binaries are",
        path.display()
    );
    path
}

/// A command with this environment and no other setting.
fn command(name: &str, args: &[&str], env: &[(&str, String)]) -> Command {
    let mut command = Command::new(binary(name));
    command
        .args(args)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (*name, value)));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs a command to its end, whatever that is.
pub(crate) async fn run(name: &str, args: &[&str], env: &[(&str, String)]) -> Output {
    let output = command(name, args, env).output();
    within(name, super::PATIENCE, output).await.unwrap()
}

/// Runs a command that must succeed. Its standard output.
pub(crate) async fn succeed(name: &str, args: &[&str], env: &[(&str, String)]) -> String {
    let output = run(name, args, env).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name} {args:?}: {} {errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

// === impl Process ===

impl Process {
    /// Starts a binary with its default verb.
    pub(crate) fn start(name: &'static str, env: &[(&str, String)]) -> Self {
        let mut child = command(name, &[], env).spawn().unwrap();
        let out = Log::follow(child.stdout.take().unwrap());
        let log = Log::follow(child.stderr.take().unwrap());
        Self {
            name,
            child,
            out,
            log,
        }
    }

    /// The address of the log line that says where it listens.
    pub(crate) async fn address(&self) -> String {
        let line = self.log.line("listens on").await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().to_owned()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().expect("it runs");
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    /// Its end, and how long that took.
    pub(crate) async fn exit(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let status = within("the end of the process", limit, self.child.wait())
            .await
            .unwrap();
        (status, begun.elapsed())
    }

    /// Ends it as a power failure would.
    #[cfg(feature = "real")]
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// All that it wrote, once it has ended.
    pub(crate) async fn written(&self) -> Vec<String> {
        let mut lines = self.out.all().await;
        lines.extend(self.log.all().await);
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let lines = self.log.lines();
        let panicked: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("panicked"))
            .collect();
        if std::thread::panicking() {
            println!("--- the log of {} ---\n{}", self.name, lines.join("\n"));
        } else {
            assert!(panicked.is_empty(), "{} panicked: {panicked:#?}", self.name);
        }
    }
}
