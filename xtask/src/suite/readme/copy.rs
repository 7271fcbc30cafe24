//! The workspace as a reader has it: the files, and nothing that was built, started or set up.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::process::captured;

const LIMIT: Duration = Duration::from_secs(120);

/// Copies what git knows or would know. Times of change are kept: cargo takes the copy for the
/// workspace and compiles nothing again. Installed tools are shared.
pub(super) fn workspace(context: &Context, to: &Path) -> Result<()> {
    if to.exists() {
        remove(to)?;
    }
    for name in files(context)? {
        let (source, target) = (context.root().join(&name), to.join(&name));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&source, &target).with_context(|| format!("cannot copy {name}"))?;
        set_modified(&target, source.metadata()?.modified()?)?;
    }
    let target = to.join("target");
    fs::create_dir_all(&target)?;
    fs::create_dir_all(context.tools_dir())?;
    std::os::unix::fs::symlink(context.tools_dir(), target.join("tools"))?;
    Ok(())
}

/// Marks as changed what was edited since it was copied: whatever was compiled from the copy
/// meanwhile is younger than the edit, and cargo would take it for that of the workspace.
pub(super) fn settle(context: &Context, copy: &Path) -> Result<()> {
    for name in files(context)? {
        let source = context.root().join(&name);
        let copied = fs::read(copy.join(&name)).ok();
        if copied.is_none_or(|copied| fs::read(&source).is_ok_and(|now| now != copied)) {
            set_modified(&source, SystemTime::now())?;
        }
    }
    Ok(())
}

fn files(context: &Context) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(context.root());
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = captured(&mut git, LIMIT)?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    // A file that was deleted and not committed is still listed.
    let there = names.filter(|name| context.root().join(name).is_file());
    Ok(there.map(str::to_owned).collect())
}

fn set_modified(path: &Path, time: SystemTime) -> Result<()> {
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .with_context(|| format!("cannot set the time of {}", path.display()))
}

/// Removes the last copy, and first stops what an interrupted run has left running.
fn remove(old: &Path) -> Result<()> {
    if old.join("target/infra/dev").exists() {
        // This program, not that of the copy, which would have to be compiled.
        let mut down = Command::new(std::env::current_exe()?);
        down.env("CARGO_MANIFEST_DIR", old.join("xtask"));
        captured(down.args(["infra", "down", "--purge"]), LIMIT)?;
    }
    fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))
}
