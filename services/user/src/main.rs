//! The user service's command line.
#![expect(clippy::print_stdout, reason = "a command line")]

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use chassis::command::{ConfigVerb, KeysVerb, TopicsVerb, end, parse, reference};
use user::process::ProcessArgs;

/// Accounts and sessions, over gRPC on a Kafka bus and on a port of its own
#[derive(Debug, Parser)]
#[command(name = "trolleybus-user", version)]
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
    /// Bring the database's schema up to this release
    Migrate,
    /// Exit with 0 if the service on this machine is ready
    Health,
    /// The bus's topics
    #[command(subcommand)]
    Topics(TopicsVerb),
    /// The settings
    #[command(subcommand)]
    Config(ConfigVerb),
    /// The platform's keys
    #[command(subcommand)]
    Keys(KeysVerb),
}

#[tokio::main]
async fn main() -> ExitCode {
    end(run_verb().await)
}

async fn run_verb() -> anyhow::Result<()> {
    let cli: Cli = parse();
    match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => cli.args.serve().await,
        Verb::Migrate => {
            cli.args.migrate().await?;
            println!("the schema is that of this release");
            Ok(())
        }
        Verb::Health => cli.args.check_health().await,
        Verb::Topics(topics) => {
            let (bus, contract) = (&cli.args.bus, user::process::contract()?);
            let (apps, process) = (&proto::CALLING_APPS, user::process::acls());
            for line in bus.topics(&topics, &contract, apps, process).await? {
                println!("{line}");
            }
            Ok(())
        }
        Verb::Keys(keys) => {
            print!("{}", keys.run()?);
            Ok(())
        }
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
