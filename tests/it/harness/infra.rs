//! Stopping and starting the real servers, where they are the test run's own.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// The means to stop one server.
pub(crate) struct Infra {
    xtask: PathBuf,
    dir: PathBuf,
}

// === impl Infra ===

impl Infra {
    /// `None`, and a line that says so, where the servers are somebody else's.
    pub(crate) fn own() -> Option<Self> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let own = variable("TROLLEYBUS_XTASK").zip(variable("TROLLEYBUS_INFRA_DIR"));
        if own.is_none() {
            println!("left out: the servers are not the test run's own, so none is stopped");
        }
        own.map(|(xtask, dir)| Self { xtask, dir })
    }

    /// Stops a server as a power failure would.
    pub(crate) async fn stop(&self, part: &'static str) -> Stopped<'_> {
        self.run("stop", part).await;
        Stopped {
            infra: self,
            part,
            started: false,
        }
    }

    async fn run(&self, verb: &str, part: &str) {
        let output = self.command(verb, part).output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "infra {verb} {part}: {errors}");
    }

    fn command(&self, verb: &str, part: &str) -> Command {
        let mut command = Command::new(&self.xtask);
        command
            .args(["infra", verb, part, "--dir"])
            .arg(&self.dir)
            .stdin(Stdio::null());
        command
    }
}

/// A server that is stopped. It is started again at the latest when this is dropped: other tests
/// need it.
pub(crate) struct Stopped<'a> {
    infra: &'a Infra,
    part: &'static str,
    started: bool,
}

// === impl Stopped ===

impl Stopped<'_> {
    /// Starts it again.
    pub(crate) async fn start(mut self) {
        self.infra.run("start", self.part).await;
        self.started = true;
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if !self.started {
            let mut command = self.infra.command("start", self.part).into_std();
            if let Err(error) = command.status() {
                println!("{} was not started again: {error}", self.part);
            }
        }
    }
}
