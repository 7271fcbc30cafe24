//! The gateway's command line.
#![expect(clippy::print_stdout, reason = "a command line")]

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use chassis::command::{ConfigVerb, KeysVerb, TopicsVerb, end, parse, reference};
use gateway::process;
use gateway::settings::GatewayArgs;

/// Each call makes and frees some forty small things. With the allocator of the system that is a seventh
/// of what a call costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// REST, gRPC and gRPC-Web in front of gRPC services on a Kafka bus
#[derive(Debug, Parser)]
#[command(name = "trolleybus-gateway", version)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    args: GatewayArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM; the default
    Serve,
    /// Exit with 0 if the gateway on this machine is ready
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
        Verb::Serve => process::serve(&cli.args).await,
        Verb::Health => process::check_health(&cli.args),
        Verb::Topics(topics) => {
            let (bus, contract) = (&cli.args.bus, process::bus_contract(&cli.args)?);
            let (apps, process) = (&proto::CALLING_APPS, process::acls());
            for line in bus.topics(&topics, &contract, apps, process).await? {
                println!("{line}");
            }
            Ok(())
        }
        Verb::Config(ConfigVerb::Check) => {
            process::check_config(&cli.args)?;
            println!("the configuration is good");
            Ok(())
        }
        Verb::Config(ConfigVerb::Reference) => {
            print!("{}", reference(&Cli::command()));
            Ok(())
        }
        Verb::Keys(keys) => {
            print!("{}", keys.run()?);
            Ok(())
        }
    }
}
