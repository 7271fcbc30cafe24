//! What every command needs to know: where the workspace is and what it may do to the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::infra::Endpoints;
use crate::process::captured;

/// The surroundings of one run of `cargo xtask`.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    root: PathBuf,
    ci: bool,
    install: bool,
    servers: Option<Servers>,
}

/// The real parts that a run of tests has to itself.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    /// Where they answer.
    pub(crate) endpoints: Endpoints,
    /// The folder to name to `cargo xtask infra stop|start|pause --dir`; none for servers that the
    /// environment names, which are not ours to stop.
    pub(crate) dir: Option<PathBuf>,
}

impl Context {
    /// `install` is the `--install` flag; `CI=true` in the environment implies it.
    ///
    /// # Errors
    /// When the workspace's folder cannot be resolved.
    pub(crate) fn new(install: bool) -> Result<Self> {
        let here = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here.join("..");
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot find the workspace at {}", root.display()))?;
        let ci = env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Ok(Self {
            root,
            ci,
            install: install || ci,
            servers: None,
        })
    }

    /// The workspace's root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is a CI run, in which nothing may be left out.
    pub(crate) const fn ci(&self) -> bool {
        self.ci
    }

    /// Whether missing programs and tools may be installed without asking.
    pub(crate) const fn may_install(&self) -> bool {
        self.install
    }

    /// The same with real parts at hand.
    pub(crate) fn with_servers(self, servers: Servers) -> Self {
        Self {
            servers: Some(servers),
            ..self
        }
    }

    /// The real parts, for suites that were registered as needing them.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn servers(&self) -> Result<&Servers> {
        self.servers
            .as_ref()
            .context("this suite was not registered as needing servers")
    }

    /// Where pinned tools are installed.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// The folder that cargo puts the binaries of a profile (`debug`, `release`) in.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub(crate) fn bin_dir(&self, profile: &str) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo names no target folder")?;
        Ok(Path::new(target).join(profile))
    }

    /// What `cargo metadata` says of the packages of the workspace.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn metadata(&self) -> Result<serde_json::Value> {
        let mut command = self.cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = captured(&mut command, Duration::from_secs(60))?;
        serde_json::from_str(&text).context("`cargo metadata` printed no JSON")
    }

    /// Where infrastructure keeps its data, logs and caches.
    pub(crate) fn infra_dir(&self) -> PathBuf {
        self.root.join("target/infra")
    }

    /// A `cargo` call in the workspace.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        self.command(&cargo.to_string_lossy())
    }

    /// A program in the workspace that may call cargo: without the variables that `cargo run` set for
    /// xtask itself, which would make build scripts of other crates look out of date.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}
