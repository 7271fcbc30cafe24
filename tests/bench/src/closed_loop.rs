//! Load in a closed loop: each of the calls in flight is followed by the next when it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cost::{Processes, Watched};
use crate::sides::{Caller, Job};

/// Longer than any call lasts: its deadline is far sooner.
const LONGEST: Duration = Duration::from_secs(60);
/// Three digits: an error of a thousandth.
const DIGITS: u8 = 3;

/// How much load for how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many calls are kept in flight
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// How long is measured
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long the same load runs before
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    warm_up: f64,
    /// Count calls in place of seconds, and a tenth of them before
    #[arg(long)]
    calls: Option<u64>,
    /// A further process whose CPU time is told, such as `worker=4711`
    #[arg(long, value_name = "NAME=PID")]
    watch: Vec<Watched>,
}

/// How long a loop goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    For(Duration),
    Calls(u64),
}

/// What came of a loop.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How long each call took that was answered, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    /// How many were not.
    pub(crate) failed: u64,
    elapsed: Duration,
}

/// What is printed. Latencies in microseconds, CPU time in milliseconds a round trip.
#[derive(Debug, Serialize)]
struct Figures {
    in_flight: u32,
    calls: u64,
    failed: u64,
    round_trips_per_second: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    max_us: f64,
    cpu_ms: BTreeMap<String, f64>,
}

impl Job for Options {
    async fn run<C: Caller>(&self, caller: &C) -> Result<()> {
        let (warm_up, span) = self.spans()?;
        run(caller, self.in_flight, warm_up).await?;
        let processes = Processes::with_this_one(&self.watch);
        let before = processes.cpu_seconds()?;
        let ended = run(caller, self.in_flight, span).await?;
        let after = processes.cpu_seconds()?;
        let figures = figures(self.in_flight, &ended, &before, &after);
        println!("{}", serde_json::to_string(&figures)?);
        Ok(())
    }
}

impl Options {
    fn spans(&self) -> Result<(Span, Span)> {
        if let Some(calls) = self.calls {
            return Ok((Span::Calls(calls.div_ceil(10)), Span::Calls(calls)));
        }
        let time = |seconds| Duration::try_from_secs_f64(seconds).context("no length of time");
        Ok((
            Span::For(time(self.warm_up)?),
            Span::For(time(self.seconds)?),
        ))
    }
}

/// Keeps calls in flight for a span; the last of them have ended when it returns.
///
/// # Errors
/// When no call was answered: the first one's error.
pub(crate) async fn run<C: Caller>(caller: &C, in_flight: u32, span: Span) -> Result<Ended> {
    let begun = Instant::now();
    let begin = Arc::new(Gate::new(begun, span));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| tokio::spawn(one_at_a_time(caller.clone(), Arc::clone(&begin))))
        .collect();
    let mut ended = Ended {
        latencies: histogram()?,
        failed: 0,
        elapsed: Duration::ZERO,
    };
    let mut first_error = None;
    for task in tasks {
        let (latencies, errors) = task.await.context("a caller has panicked")??;
        ended.latencies.add(latencies)?;
        ended.failed += errors.count;
        first_error = first_error.or(errors.first);
    }
    ended.elapsed = begun.elapsed();
    match first_error {
        Some(error) if ended.latencies.is_empty() => Err(error.context("no call was answered")),
        Some(error) => {
            tracing::warn!("{} calls failed, the first with: {error:#}", ended.failed);
            Ok(ended)
        }
        None => Ok(ended),
    }
}

#[derive(Default)]
struct Errors {
    count: u64,
    first: Option<anyhow::Error>,
}

async fn one_at_a_time<C: Caller>(
    mut caller: C,
    gate: Arc<Gate>,
) -> Result<(Histogram<u64>, Errors)> {
    let mut latencies = histogram()?;
    let mut errors = Errors::default();
    while gate.lets_begin() {
        let begun = Instant::now();
        match caller.round_trip().await {
            Ok(()) => latencies.saturating_record(nanos(begun.elapsed())),
            Err(error) => {
                errors.count += 1;
                errors.first.get_or_insert(error);
            }
        }
    }
    Ok((latencies, errors))
}

/// Tells whether another call may begin.
struct Gate {
    end: Option<Instant>,
    left: AtomicU64,
}

impl Gate {
    fn new(begun: Instant, span: Span) -> Self {
        let (end, left) = match span {
            Span::For(time) => (Some(begun + time), 0),
            Span::Calls(calls) => (None, calls),
        };
        let left = AtomicU64::new(left);
        Self { end, left }
    }

    fn lets_begin(&self) -> bool {
        match self.end {
            Some(end) => Instant::now() < end,
            None => self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok(),
        }
    }
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, nanos(LONGEST), DIGITS)?)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds of a run stay far below 2^52"
)]
fn figures(
    in_flight: u32,
    ended: &Ended,
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
) -> Figures {
    let calls = ended.latencies.len();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let quantile = |part| micros(ended.latencies.value_at_quantile(part));
    let cpu_ms = before.iter().map(|(name, before)| {
        let used = after.get(name).copied().unwrap_or_default() - before;
        (name.clone(), used * 1e3 / calls as f64)
    });
    Figures {
        in_flight,
        calls,
        failed: ended.failed,
        round_trips_per_second: calls as f64 / ended.elapsed.as_secs_f64(),
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        max_us: micros(ended.latencies.max()),
        cpu_ms: cpu_ms.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use anyhow::bail;

    use super::*;

    /// Every `fails`-th call fails; counts how many are in flight at once.
    #[derive(Clone, Default)]
    struct Fake {
        made: Arc<AtomicU64>,
        now: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        fails: u64,
    }

    impl Caller for Fake {
        async fn round_trip(&mut self) -> Result<()> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            if self.fails > 0 && number.is_multiple_of(self.fails) {
                bail!("call {number} failed");
            }
            Ok(())
        }

        async fn end(self) {}
    }

    #[tokio::test]
    async fn as_many_calls_are_in_flight_as_were_asked_for() {
        let fake = Fake::default();
        let ended = run(&fake, 7, Span::Calls(100)).await.unwrap();
        assert_eq!((ended.latencies.len(), ended.failed), (100, 0));
        assert_eq!(fake.most.load(Ordering::SeqCst), 7);
    }

    #[tokio::test]
    async fn failed_calls_are_counted_and_have_no_latency() {
        let fake = Fake {
            fails: 4,
            ..Fake::default()
        };
        let ended = run(&fake, 1, Span::Calls(8)).await.unwrap();
        assert_eq!((ended.latencies.len(), ended.failed), (6, 2));
    }

    #[tokio::test]
    async fn a_load_that_is_never_answered_is_an_error() {
        let fake = Fake {
            fails: 1,
            ..Fake::default()
        };
        let error = run(&fake, 1, Span::Calls(3)).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "no call was answered: call 1 failed");
    }

    #[test]
    fn cpu_time_is_given_per_round_trip() {
        let mut latencies = histogram().unwrap();
        latencies.record_n(2_000, 10).unwrap();
        let ended = Ended {
            latencies,
            failed: 0,
            elapsed: Duration::from_secs(2),
        };
        let used = |seconds| BTreeMap::from([("worker".to_owned(), seconds)]);
        let figures = figures(1, &ended, &used(1.0), &used(1.5));
        assert_eq!(figures.cpu_ms["worker"], 50.0);
        assert_eq!((figures.round_trips_per_second, figures.p50_us), (5.0, 2.0));
    }
}
