//! Runs a client of another platform against a service, and checks what the service did.
//!
//! ```text
//! KAFKA_BROKERS=127.0.0.1:9092 bus-interop nest node client.mjs
//! ```
//!
//! The client is told where by `BROKERS` and `PREFIX`: the topics are those of the test contract
//! behind this prefix, which is this run's own. It calls, compares the answers, prints a line that
//! begins with `ok` for each case, and ends with an error where one does not hold. What cannot be
//! seen from its side is checked here: that an event was handled once, and that nothing was done
//! about records on topics that are not trusted.
#![expect(clippy::print_stdout, reason = "its output is its report")]

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use log::Log;
use worker::Worker;

mod broker;
mod log;
mod worker;

/// How long anything may take that is not itself a matter of time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the client may run, the start of its virtual machine included.
const CLIENT_LIMIT: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> ExitCode {
    chassis::command::end(start().await)
}

async fn start() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "name the client and its command, such as `nest node client.mjs`";
    let name = arguments.next().context(usage)?;
    let program = arguments.next().context(usage)?;
    let brokers = std::env::var("KAFKA_BROKERS")
        .context("KAFKA_BROKERS is not set; name a broker, such as 127.0.0.1:9092")?;

    let log = Log::install();
    let worker = Worker::start(brokers, format!("interop-{name}-{}.", std::process::id())).await?;
    run(Command::new(program).args(arguments), &worker).await?;
    check(&name, worker, &log).await
}

/// The client, to its end.
async fn run(command: &mut Command, worker: &Worker) -> Result<()> {
    let mut client = command
        .env("BROKERS", &worker.brokers)
        .env("PREFIX", &worker.prefix)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the client")?;
    let status = tokio::time::timeout(CLIENT_LIMIT, client.wait())
        .await
        .context("the client did not end in time")??;
    ensure!(status.success(), "the client failed: {status}");
    Ok(())
}

/// What the service did, which the client cannot see.
async fn check(name: &str, worker: Worker, log: &Log) -> Result<()> {
    let (event, untrusted) = (format!("{name}-event"), format!("{name}-untrusted"));
    let ledger = worker.ledger.clone();
    let handled = ledger.until(|ledger| ledger.effects(&event) > 0);
    tokio::time::timeout(PATIENCE, handled)
        .await
        .context("the event was not handled")?;

    // Everything that was taken is finished and committed after a stop in order.
    let offsets = worker.stop().await?;
    let (times, effects) = (ledger.begun(&event), ledger.effects(&event));
    ensure!(
        times == 1 && effects == 1,
        "the event was handled {times} times and took effect {effects} times"
    );
    println!("ok {name} an_event_is_handled_once");

    ensure!(
        ledger.begun(name) == 0 && ledger.begun(&untrusted) == 0,
        "a record on a topic without trust was executed"
    );
    for topic in worker::UNTRUSTED {
        let seen = offsets.of(topic)?;
        ensure!(
            seen.end > 0 && seen.committed == seen.end,
            "{topic}: {} of {} records were taken",
            seen.committed,
            seen.end
        );
    }
    for topic in worker::UNTRUSTED_REPLIES {
        let end = offsets.of(topic)?.end;
        ensure!(end == 0, "{topic} holds {end} answers to untrusted calls");
    }
    let dead = offsets.of(worker::UNTRUSTED_DEAD)?.end;
    ensure!(
        dead == 1,
        "{dead} untrusted events are dead letters, not one"
    );
    println!("ok {name} nothing_is_done_about_a_record_without_trust");

    for topic in worker::UNTRUSTED {
        ensure!(
            log.tells_of("unsigned", topic),
            "no line of the log says that {topic} had an unsigned record:\n{log}"
        );
    }
    println!("ok {name} a_refusal_is_logged_with_its_reason");
    Ok(())
}
