//! The three brokers, shared by all cases of the run and broken by one at a time.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where they answer, and how to break them.
pub(crate) struct Set {
    /// `host:port`, comma-separated.
    pub(crate) brokers: String,
    xtask: PathBuf,
    dir: PathBuf,
    /// Set while a broker may be away.
    broken: AtomicBool,
    /// Ends the set when its standard input closes, which the kernel does when this process ends.
    _guard: Option<Child>,
}

/// Brokers that are away. They come back at the latest when this is dropped.
pub(crate) struct Away<'a> {
    set: &'a Set,
    node: Option<i32>,
    back: bool,
}

/// `xtask`, without cargo's word on where this package is: it would take that for its own.
fn xtask_command(xtask: &Path) -> Command {
    let mut command = Command::new(xtask);
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

// === impl Set ===

impl Set {
    /// The set of this run: that of `TROLLEYBUS_INFRA_DIR` if it has three brokers, else one that is
    /// started beside it. `None`, and a line that says so, where there is no xtask to start it with.
    pub(crate) fn get() -> Option<&'static Self> {
        static SET: OnceLock<Option<Set>> = OnceLock::new();
        SET.get_or_init(Self::find).as_ref()
    }

    fn find() -> Option<Self> {
        let own = variable("TROLLEYBUS_XTASK").zip(variable("TROLLEYBUS_INFRA_DIR"));
        let Some((xtask, dir)) = own else {
            println!("left out: the servers are not the test run's own, so none is broken");
            return None;
        };
        let (xtask, dir) = (PathBuf::from(xtask), PathBuf::from(dir));
        let brokers = variable("TEST_KAFKA_BROKERS").filter(|list| list.split(',').count() == 3);
        let Some(brokers) = brokers else {
            return Some(Self::start(xtask, &dir));
        };
        Some(Self {
            brokers,
            xtask,
            dir,
            broken: AtomicBool::new(false),
            _guard: None,
        })
    }

    /// Starts a set in a folder beside `other`.
    fn start(xtask: PathBuf, other: &Path) -> Self {
        // The name is that of xtask's own sets, by which it finds those that were left behind.
        let name = format!("private-{}-bus", std::process::id());
        let dir = other.with_file_name(name);
        let mut command = xtask_command(&xtask);
        command
            .args(["infra", "guard", "--brokers", "3", "--dir"])
            .arg(&dir);
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut guard = command.spawn().unwrap();
        let mut line = String::new();
        let output = guard.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let reply: serde_json::Value = serde_json::from_str(&line).unwrap();
        let brokers = reply["Ready"]["endpoints"]["kafka"].as_str();
        let brokers = brokers.unwrap_or_else(|| panic!("three brokers did not start: {line}"));
        Self {
            brokers: brokers.to_owned(),
            xtask,
            dir,
            broken: AtomicBool::new(false),
            _guard: Some(guard),
        }
    }

    /// Kills a broker, or all of them.
    pub(crate) async fn kill(&'static self, node: Option<i32>) -> Away<'static> {
        self.away("stop", node).await
    }

    /// Freezes a broker: its connections stay open and it does not answer.
    pub(crate) async fn pause(&'static self, node: Option<i32>) -> Away<'static> {
        self.away("pause", node).await
    }

    /// Has every broker back that a case before this one has left away.
    pub(crate) async fn heal(&'static self) {
        if self.broken.load(Ordering::SeqCst) {
            self.run("start", None).await;
            self.broken.store(false, Ordering::SeqCst);
        }
    }

    async fn away(&'static self, verb: &'static str, node: Option<i32>) -> Away<'static> {
        self.broken.store(true, Ordering::SeqCst);
        self.run(verb, node).await;
        Away {
            set: self,
            node,
            back: false,
        }
    }

    async fn run(&'static self, verb: &'static str, node: Option<i32>) {
        let work = move || self.command(verb, node).output();
        let output = tokio::task::spawn_blocking(work).await.unwrap().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "infra {verb} {node:?}: {errors}");
    }

    fn command(&self, verb: &str, node: Option<i32>) -> Command {
        let mut command = xtask_command(&self.xtask);
        command
            .args(["infra", verb, "kafka", "--dir"])
            .arg(&self.dir);
        if let Some(node) = node {
            command.args(["--node", &node.to_string()]);
        }
        command.stdin(Stdio::null());
        command
    }
}

// === impl Away ===

impl Away<'_> {
    /// Has it back. Ends when it answers.
    pub(crate) async fn back(mut self)
    where
        Self: 'static,
    {
        self.set.run("start", self.node).await;
        self.set.broken.store(false, Ordering::SeqCst);
        self.back = true;
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if !self.back {
            println!("a broker is away at the end of a case; the next one has it back");
        }
    }
}
