//! Load for a while: latencies, round trips a second, CPU time.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::closed_loop::{self, Ended, Span};
use crate::cost::{Processes, Watched};
use crate::sides::{Caller, Job};

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
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    calls: Option<u64>,
    /// A further process whose CPU time is told, such as `worker=4711`
    #[arg(long, value_name = "NAME=PID")]
    watch: Vec<Watched>,
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
        closed_loop::run(caller, self.in_flight, warm_up).await?;
        let processes = Processes::with_this_one(&self.watch);
        let before = processes.cpu_seconds()?;
        let ended = closed_loop::run(caller, self.in_flight, span).await?;
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
    use super::*;

    #[test]
    fn cpu_time_is_given_per_round_trip() {
        let mut latencies = closed_loop::histogram();
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
