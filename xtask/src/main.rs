//! `cargo xtask`: everything the project does to itself that is not a plain `cargo` command.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool"
)]

mod account;
mod bench;
mod ci;
mod context;
mod docs;
mod document;
mod foreign;
mod infra;
mod process;
mod soak;
mod standalone;
mod suite;
mod system;
mod test;
mod tools;

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
    /// Run every test and say what was left out and why.
    Test(test::Options),
    /// Check formatting and lints, then run every test.
    Ci,
    /// Print the features that compile the tests on real servers, for `--features`.
    Features,
    /// Measure the system.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Break the system at length and see that it keeps its promises.
    #[command(subcommand)]
    Soak(soak::Command),
    /// Regenerate the documents that are generated.
    Docs {
        /// Change nothing; fail if a document is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Install pinned tools into `target/tools`: all, or those named.
    Tools { names: Vec<String> },
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
        Command::Test(options) => test::run(&context, &options),
        Command::Ci => ci::run(&context),
        Command::Features => ci::features(&context),
        Command::Bench(command) => bench::run(&context, command),
        Command::Soak(command) => soak::run(&context, &command),
        Command::Docs { check } => docs::run(&context, check),
        Command::Tools { names } => tools::install(&context, &names),
    }
}
