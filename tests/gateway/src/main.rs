//! What stands behind and beside the gateway when it is measured: a gRPC server that costs little, and a
//! pass-through that does nothing but pass on. `cargo xtask bench gateway` starts them.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod bare;
mod contract;
mod stub;

use std::io::Write as _;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::net::TcpListener;

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
