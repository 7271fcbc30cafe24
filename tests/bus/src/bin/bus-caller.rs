//! Calls the worker, so many times or until SIGTERM, and tells how each call ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bus::KafkaChannel;
use bus_tests::args::{self, BusArgs};
use bus_tests::call::{CallArgs, Mixed};
use bus_tests::output::{follow, logs, say};
use bus_tests::report::{DROPPED, Ended, Line, MIXED, OK, Summary};
use chassis::health::Health;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

#[derive(Debug, Clone, Parser)]
struct Options {
    #[command(flatten)]
    bus: BusArgs,
    #[command(flatten)]
    call: CallArgs,
    /// How many calls; without end if not given
    #[arg(long)]
    calls: Option<u64>,
    /// How many at once
    #[arg(long, default_value_t = 8)]
    in_flight: u64,
    /// Milliseconds between the end of a call and the next one in its place
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// Drop each call after so many milliseconds
    #[arg(long)]
    drop_after_ms: Option<u64>,
    /// Comes before the number of a call in its id
    #[arg(long)]
    id: String,
}

/// What the lanes of calls share.
struct Shared {
    options: Options,
    channel: KafkaChannel,
    started: Instant,
    next: AtomicU64,
    stop: AtomicBool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let started = Instant::now();
    let options = Options::parse();
    logs();
    let mut terminate = signal(SignalKind::terminate())?;
    let health = Health::default();
    let channel = KafkaChannel::start(
        &options.bus.settings("bus-caller"),
        options.bus.contract(),
        &args::app(&options.bus.prefix),
        health.component("kafka"),
    )?;
    health.ready().await;
    let following = tokio::spawn(follow(health));
    let (ended, endings) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        options: options.clone(),
        channel: channel.clone(),
        started,
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let lanes: Vec<_> = (0..options.in_flight)
        .map(|number| tokio::spawn(lane(number, Arc::clone(&shared), ended.clone())))
        .collect();
    drop(ended);
    let stopping = Arc::clone(&shared);
    tokio::spawn(async move {
        terminate.recv().await;
        stopping.stop.store(true, Ordering::Relaxed);
    });
    let deadline = options.call.deadline();
    let counting = tokio::spawn(count(endings, deadline));
    for lane in lanes {
        lane.await?;
    }
    let mut summary = counting.await??;
    summary.calls = shared.next.load(Ordering::Relaxed);
    summary.pending = u64::try_from(channel.pending())?;
    channel.shutdown().await;
    following.abort();
    say(&Line::Summary(summary))
}

/// Makes one call after the other.
async fn lane(lane: u64, shared: Arc<Shared>, endings: mpsc::UnboundedSender<Ended>) {
    let options = &shared.options;
    while !shared.stop.load(Ordering::Relaxed) {
        let limit = options.calls.unwrap_or(u64::MAX);
        let claim = |next| (next < limit).then_some(next + 1);
        let claimed = shared
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim);
        let Ok(number) = claimed else { return };
        let id = format!("{}-{number}", options.id);
        let begun = shared.started.elapsed();
        let (status, message) = outcome(&shared, &id).await;
        let ended = Ended {
            id,
            lane,
            begun_ms: millis(begun),
            ended_ms: millis(shared.started.elapsed()),
            status,
            message,
        };
        if endings.send(ended).is_err() {
            return;
        }
        if options.pause_ms > 0 {
            tokio::time::sleep(Duration::from_millis(options.pause_ms)).await;
        }
    }
}

async fn outcome(shared: &Shared, id: &str) -> (String, String) {
    let options = &shared.options;
    let call = options.call.make(shared.channel.clone(), id);
    let answer = match options.drop_after_ms {
        None => call.await,
        Some(ms) => match tokio::time::timeout(Duration::from_millis(ms), call).await {
            Ok(answer) => answer,
            Err(_) => return (DROPPED.to_owned(), String::new()),
        },
    };
    match answer {
        Ok(Ok(())) => (OK.to_owned(), String::new()),
        Ok(Err(Mixed)) => (MIXED.to_owned(), String::new()),
        Err(status) => (format!("{:?}", status.code()), status.message().to_owned()),
    }
}

/// Tells of each call that ends, and counts them.
async fn count(mut endings: mpsc::UnboundedReceiver<Ended>, deadline: Duration) -> Result<Summary> {
    let mut times: HashMap<String, u64> = HashMap::new();
    let mut summary = Summary {
        latest_ms: i64::MIN,
        ..Summary::default()
    };
    let deadline = i64::try_from(deadline.as_millis())?;
    while let Some(ended) = endings.recv().await {
        let took = i64::try_from(ended.ended_ms - ended.begun_ms)?;
        summary.latest_ms = summary.latest_ms.max(took - deadline);
        let count = times.entry(ended.id.clone()).or_default();
        *count += 1;
        if *count == 2 {
            summary.ended_twice += 1;
        }
        if ended.status == OK {
            summary.ok += 1;
        } else {
            *summary.errors.entry(ended.status.clone()).or_default() += 1;
        }
        say(&Line::Ended(ended))?;
    }
    Ok(summary)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
