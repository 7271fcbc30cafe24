//! Round trips over the bus, and over a bare Kafka client to compare them with.
//!
//! Caller and worker are processes of their own on either side, so that the CPU time of each can be
//! told. `cargo xtask bench bus` starts them in turn on one broker and compares what they print.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod bare;
mod closed_loop;
mod cost;
mod first;
mod grpc;
mod load;
mod memory;
mod serve;
mod sides;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use crate::sides::Side;

/// Round trips over the bus, and over a bare Kafka client to compare them with
#[derive(Debug, Parser)]
#[command(name = "bus-bench")]
struct Cli {
    /// The Kafka brokers: `host:port`, comma-separated
    #[arg(long, env = "KAFKA_BROKERS", value_name = "BROKERS")]
    brokers: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create the topics of a side and answer its calls until standard input closes; prints `ready`
    Worker { side: Side },
    /// Be a worker of 20 topics that nobody calls, until standard input closes; prints `ready`
    Idle,
    /// Keep calls in flight for a while; prints one line of JSON
    Load {
        side: Side,
        #[command(flatten)]
        options: load::Options,
    },
    /// Time the first call after readiness and the tenth; prints one line of JSON
    First { side: Side },
    /// Make many calls and look at the memory of both processes; prints a line of JSON each tenth
    Memory {
        side: Side,
        #[command(flatten)]
        options: memory::Options,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    // What goes wrong is seen; what goes well costs nothing.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let Cli { brokers, command } = Cli::parse();
    match command {
        Command::Worker { side } => sides::worker(side, &brokers).await,
        Command::Idle => grpc::idle(&brokers).await,
        Command::Load { side, options } => sides::caller(side, &brokers, &options).await,
        Command::First { side } => sides::caller(side, &brokers, &first::Options).await,
        Command::Memory { side, options } => sides::caller(side, &brokers, &options).await,
    }
}
