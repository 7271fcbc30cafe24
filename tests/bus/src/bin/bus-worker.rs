//! Serves the test contract over Kafka until SIGTERM. SIGUSR1 asks what it does.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use bus::KafkaServer;
use bus::server::ServerOptions;
use bus_tests::args::{self, BusArgs};
use bus_tests::output::{follow, logs, say};
use bus_tests::report::{Line, State};
use chassis::health::Health;
use clap::Parser;
use test_contract::ECHO;
use test_contract::ledger::Ledger;
use test_contract::service::Echo;
use tokio::signal::unix::{SignalKind, signal};

/// How long work may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    bus: BusArgs,
    /// The file that gets a line for each effect
    #[arg(long)]
    effects: PathBuf,
    /// The name that keeps this process's place in the group across a restart
    #[arg(long)]
    instance: Option<String>,
    /// Milliseconds added to the delay of each call
    #[arg(long, default_value_t = 0)]
    slow_ms: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    logs();
    let mut settings = options.bus.settings("bus-worker");
    settings.instance_id = options.instance;
    let ledger = Ledger::appending(&options.effects)?;
    let echo = Echo {
        ledger: ledger.clone(),
        slow: Duration::from_millis(options.slow_ms),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut ask = signal(SignalKind::user_defined1())?;
    let health = Health::default();
    let mut serve = ServerOptions::new(&args::group(&options.bus.prefix), &[ECHO]);
    // The ledger's file is one.
    serve.journaled = true;
    let server = KafkaServer::start(
        &settings,
        &options.bus.contract(),
        serve,
        echo.routes(),
        health.component("kafka"),
    )?;
    let state = || State {
        in_flight: server.in_flight(),
        running: ledger.running(),
    };
    let mut following = tokio::spawn(follow(health));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = ask.recv() => say(&Line::State(state()))?,
            ended = &mut following => return ended?,
        }
    }
    server.shutdown(PATIENCE).await;
    following.abort();
    say(&Line::Stopped(state()))
}
