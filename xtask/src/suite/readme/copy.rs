//! The workspace as a reader has it: the files, and nothing that was built, started or set up.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::process::captured;

const LIMIT: Duration = Duration::from_secs(120);

/// Copies what git knows or would know. Times of change are kept, so that cargo compiles only what
/// changed since the last time; installed tools are shared.
pub(super) fn workspace(context: &Context, to: &Path) -> Result<()> {
    if to.exists() {
        remove(context, to)?;
    }
    let mut git = Command::new("git");
    git.current_dir(context.root());
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = captured(&mut git, LIMIT)?;
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        let (source, target) = (context.root().join(name), to.join(name));
        // A file that was deleted and not committed is still listed.
        if !source.is_file() {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&source, &target).with_context(|| format!("cannot copy {name}"))?;
        let changed = source.metadata()?.modified()?;
        File::options().write(true).open(&target)?.set_modified(changed)?;
    }
    let target = to.join("target");
    fs::create_dir_all(&target)?;
    fs::create_dir_all(context.tools_dir())?;
    std::os::unix::fs::symlink(context.tools_dir(), target.join("tools"))?;
    Ok(())
}

/// Removes the last copy, and first stops what an interrupted run has left running.
fn remove(context: &Context, old: &Path) -> Result<()> {
    if old.join("target/infra/dev").exists() {
        let mut down = context.command("cargo");
        down.current_dir(old).args(["xtask", "infra", "down", "--purge"]);
        captured(&mut down, Duration::from_secs(900))?;
    }
    fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))
}
