//! What every command needs to know: where the workspace is and what it may do to the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The surroundings of one run of `cargo xtask`.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    root: PathBuf,
    ci: bool,
    install: bool,
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

    /// Where infrastructure keeps its data, logs and caches.
    pub(crate) fn infra_dir(&self) -> PathBuf {
        self.root.join("target/infra")
    }

    /// A `cargo` call in the workspace, without the variables that `cargo run` set for xtask itself:
    /// passed on, they would make build scripts of other crates look out of date.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
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
