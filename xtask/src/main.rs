//! `cargo xtask`: everything the project does to itself that is not a plain `cargo` command.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]

mod context;
mod infra;
mod process;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::context::Context;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    /// Install missing programs and tools instead of printing how to (implied by CI=true).
    #[arg(long, global = true)]
    install: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start, stop and look at real Kafka, PostgreSQL and Redis.
    #[command(subcommand)]
    Infra(infra::Command),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let context = Context::new(cli.install)?;
    match cli.command {
        Command::Infra(command) => infra::run(&context, command),
    }
}
