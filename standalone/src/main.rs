//! The whole platform in one process on embedded parts: what `cargo run` starts.
#![expect(clippy::print_stdout, reason = "a command line")]

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use chassis::command::{ConfigVerb, end, parse, reference};

mod keys;
mod run;
mod settings;

use settings::StandaloneArgs;

/// The whole platform in one process: gateway, user and notification on SQLite, an embedded broker
/// and a mailbox in memory
#[derive(Debug, Parser)]
#[command(name = "trolleybus", version)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    args: StandaloneArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until Ctrl-C; the default
    Serve,
    /// Print a token that lets you call internal methods with grpcurl, for an hour
    ServiceToken,
    /// The settings
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[tokio::main]
async fn main() -> ExitCode {
    end(run_verb().await)
}

async fn run_verb() -> anyhow::Result<()> {
    let cli: Cli = parse();
    match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => run::serve(&cli.args).await,
        Verb::ServiceToken => {
            println!("{}", run::service_token(&cli.args)?);
            Ok(())
        }
        Verb::Config(ConfigVerb::Check) => {
            run::check_config(&cli.args)?;
            println!("the configuration is good");
            Ok(())
        }
        Verb::Config(ConfigVerb::Reference) => {
            print!("{}", reference(&Cli::command()));
            Ok(())
        }
    }
}
