//! Every command of the README, run as it is written, from top to bottom, in a copy of the workspace.
//!
//! A comment before a fenced block of `sh` says what is special about it; [`blocks`] lists them. All
//! other blocks simply have to succeed. [`script`] makes one script of them.

mod blocks;
mod copy;
mod script;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use self::blocks::{Block, How};
use super::Outcome;
use crate::context::Context;
use crate::infra::port_is_free;
use crate::process::{Identity, captured, dependent, log_tail};
use crate::tools;

/// The whole README; compiling takes most of it.
const LIMIT: Duration = Duration::from_secs(45 * 60);
const POLL: Duration = Duration::from_millis(100);

/// What the README's commands listen on, as a reader would have it.
const PORTS: [u16; 6] = [3000, 50051, 50052, 9464, 9465, 9466];

/// How long a connection of an earlier test that is over may keep its local port, which can be one of
/// ours: the kernel holds it for 60 s.
const PORTS_WITHIN: Duration = Duration::from_secs(90);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(grpcurl) = tools::grpcurl(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("grpcurl")));
    };
    let text = fs::read_to_string(context.root().join("README.md")).context("no README.md")?;
    let blocks = blocks::parse(&text)?;
    ensure!(!blocks.is_empty(), "the README has no command");
    await_ports()?;
    let dir = context.root().join("target/readme");
    let clone = dir.join("clone");
    copy::workspace(context, &clone)?;
    let outputs = dir.join("outputs");
    if outputs.exists() {
        fs::remove_dir_all(&outputs)?;
    }
    fs::create_dir_all(&outputs)?;
    let path = dir.join("commands.sh");
    fs::write(&path, script::write(&blocks, &clone, &outputs))?;

    let mut command = context.command("bash");
    let bin = context.bin_dir("debug")?;
    let target = bin.parent().context("cargo's target folder has no parent")?;
    command.arg(&path).env("CARGO_TARGET_DIR", target).env("PATH", path_with(&grpcurl)?);
    let executed = execute(&command, &outputs.join("log"));
    copy::settle(context, &clone)?;
    executed?;

    let mut passed = 0;
    let mut not_run = Vec::new();
    for block in &blocks {
        match &block.how {
            How::Run | How::Background { .. } | How::Stop => passed += 1,
            How::Ci => {
                passed += 1;
                called_by_ci(context, block)?;
            }
            How::NotRun { reason } => {
                parses(block)?;
                not_run.push(format!("README.md line {}: {reason}", block.line));
            }
        }
        if let Some(expected) = &block.prints {
            let printed = fs::read_to_string(script::output(&outputs, block))?;
            ensure!(
                blocks::matches(expected, &printed),
                "README.md line {}: it shows\n{expected}\nand the commands printed\n{printed}",
                block.line
            );
            passed += 1;
        }
    }
    Ok(Outcome::PassedPartly { passed, not_run })
}

/// Waits until the README's ports are free.
fn await_ports() -> Result<()> {
    let until = Instant::now() + PORTS_WITHIN;
    for port in PORTS {
        while !port_is_free(port) {
            ensure!(
                Instant::now() < until,
                "port {port} is taken; the README's commands need it: end what listens there"
            );
            thread::sleep(POLL);
        }
    }
    Ok(())
}

/// `PATH` with the folder of a program in front.
fn path_with(program: &Path) -> Result<std::ffi::OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let dir = program.parent().context("a program without a folder")?;
    let dirs = std::iter::once(dir.to_owned()).chain(env::split_paths(&old));
    Ok(env::join_paths(dirs)?)
}

/// Runs the script to its end. Whatever it started ends with it, except for servers that it
/// is told to stop itself.
fn execute(command: &Command, log: &Path) -> Result<()> {
    let mut child = dependent(command, log)?;
    let identity = Identity::of(child.id())?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            identity.kill_tree()?;
            child.wait()?;
            bail!("it did not end within {} s\n{}", LIMIT.as_secs(), log_tail(log));
        }
        thread::sleep(POLL);
    };
    ensure!(status.success(), "a command failed\n{}", log_tail(log));
    Ok(())
}

/// The commands cannot be run from within themselves; CI runs exactly these.
fn called_by_ci(context: &Context, block: &Block) -> Result<()> {
    let ci = fs::read_to_string(context.root().join(".ci/run")).context("no .ci/run")?;
    for command in block.commands.lines() {
        ensure!(
            ci.lines().any(|line| line == command),
            "README.md line {}: .ci/run does not call `{command}`",
            block.line
        );
    }
    Ok(())
}

/// Commands that are not run are at least commands.
fn parses(block: &Block) -> Result<()> {
    let mut bash = Command::new("bash");
    captured(bash.args(["-n", "-c", &block.commands]), Duration::from_secs(10))
        .with_context(|| format!("README.md line {}", block.line))
        .map(drop)
}
