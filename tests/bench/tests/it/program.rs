//! Running the program.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// The program's topics are always the same, so it may not run twice at once.
static TOPICS: Mutex<()> = Mutex::new(());

/// A worker that is ready. While there is one, there is no other.
pub(crate) struct Worker {
    child: Child,
    _topics: MutexGuard<'static, ()>,
}

pub(crate) fn brokers() -> String {
    std::env::var("TEST_KAFKA_BROKERS")
        .expect("TEST_KAFKA_BROKERS is not set; run `cargo xtask test`")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bus-bench"));
    command.args(["--brokers", &brokers()]).args(args);
    command
}

/// Runs it to its end; each line that it prints is JSON.
pub(crate) fn run(args: &[&str]) -> Vec<Value> {
    let output = command(args).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Worker {
    pub(crate) fn start(args: &[&str]) -> Self {
        // Another test's failure is that test's alone.
        let topics = TOPICS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{args:?}");
        Self {
            child,
            _topics: topics,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}
