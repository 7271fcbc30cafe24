//! The notification service's command line.
#![expect(clippy::print_stdout, reason = "a command line")]

use clap::{CommandFactory as _, Parser, Subcommand};

use chassis::command::{ConfigVerb, parse, reference};
use notification::process::ProcessArgs;

/// Mails to people, over gRPC on a Kafka bus and on a port of its own
#[derive(Debug, Parser)]
#[command(name = "trolleybus-notification", version)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    args: ProcessArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM; the default
    Serve,
    /// Exit with 0 if the service on this machine is ready
    Health,
    /// The settings
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli: Cli = parse();
    match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => cli.args.serve().await,
        Verb::Health => cli.args.check_health().await,
        Verb::Config(ConfigVerb::Check) => {
            cli.args.check_config()?;
            println!("the configuration is good");
            Ok(())
        }
        Verb::Config(ConfigVerb::Reference) => {
            print!("{}", reference(&Cli::command()));
            Ok(())
        }
    }
}
