//! What stands behind and beside the gateway when it is measured: a gRPC server that costs little, and a
//! pass-through that does nothing but pass on. `cargo xtask bench gateway` starts them.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod bare;
mod stub;
mod transcode;

use std::io::Write as _;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::net::TcpListener;

/// The message types of the contract.
#[allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]
mod contract {
    include!(concat!(env!("OUT_DIR"), "/bench.v1.rs"));
}

/// What stands behind and beside the gateway when it is measured
#[derive(Debug, Parser)]
#[command(name = "gateway-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer every gRPC call with the same user
    Stub {
        /// The port on the loopback interface
        #[arg(long)]
        port: u16,
    },
    /// Pass each HTTP/1.1 request on as the same gRPC call, and its message back as it is
    Bare {
        /// The port on the loopback interface
        #[arg(long)]
        port: u16,
        /// The gRPC server: `host:port`
        #[arg(long)]
        upstream: String,
    },
    /// Transcode a request and its answer, without a gateway; print what was allocated
    Transcode(transcode::Arguments),
    /// Print a descriptor set
    Contract {
        /// Which one
        size: Size,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Size {
    /// Two methods
    Small,
    /// 500 methods
    Large,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Stub { port } => stub::serve(listen(port).await?).await,
        Command::Bare { port, upstream } => bare::serve(listen(port).await?, &upstream).await,
        Command::Transcode(arguments) => transcode::run(&arguments),
        Command::Contract { size } => {
            let set: &[u8] = match size {
                Size::Small => include_bytes!(concat!(env!("OUT_DIR"), "/bench.binpb")),
                Size::Large => include_bytes!(concat!(env!("OUT_DIR"), "/large.binpb")),
            };
            Ok(std::io::stdout().write_all(set)?)
        }
    }
}

async fn listen(port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("ready");
    Ok(listener)
}
