//! Installing from the registries of Python, Go and Node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process::{captured, find};

const LIMIT: Duration = Duration::from_secs(600);

/// Installs a package from `PyPI` with its programs into `dir/bin`.
pub(super) fn pip(dir: &Path, package: &str) -> Result<()> {
    let mut command = python()?;
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
    captured(command.arg(dir).arg(package), LIMIT).map(drop)
}

/// Fetches a wheel from `PyPI` into `dir` and returns its path.
pub(super) fn wheel(dir: &Path, package: &str) -> Result<PathBuf> {
    let mut command = python()?;
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]);
    captured(command.arg(dir).arg(package), LIMIT)?;
    std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .with_context(|| format!("{package} has no wheel"))
}

/// Runs a few lines of Python, which reads archives without further programs.
pub(super) fn script(text: &str, arguments: &[&Path]) -> Result<()> {
    captured(python()?.arg("-c").arg(text).args(arguments), LIMIT).map(drop)
}

/// Builds a Go program into `dir`.
pub(super) fn go(dir: &Path, package: &str) -> Result<()> {
    let go = find("go").context("Go is needed for that: https://go.dev/doc/install")?;
    captured(
        Command::new(go)
            .env("GOBIN", dir)
            .args(["install", package]),
        LIMIT,
    )
    .map(drop)
}

/// Installs a package from npm into `dir/node_modules`.
pub(super) fn npm(dir: &Path, package: &str) -> Result<()> {
    let npm = find("npm").context("Node is needed for that: apt-get install nodejs npm")?;
    let mut command = Command::new(npm);
    command.args([
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]);
    captured(command.arg("--prefix").arg(dir).arg(package), LIMIT).map(drop)
}

fn python() -> Result<Command> {
    let python = find("python3")
        .context("Python 3 with pip is needed for that: apt-get install python3-pip")?;
    Ok(Command::new(python))
}
