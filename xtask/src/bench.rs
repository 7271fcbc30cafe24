//! `cargo xtask bench`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {}

pub(crate) fn run(_context: &Context, command: Command) -> Result<()> {
    match command {}
}
