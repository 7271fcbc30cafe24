//! What the programs print, and what is made of several runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::program::Side;

/// One run. Latencies in microseconds, CPU time in milliseconds a round trip, by process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) round_trips_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p90_us: Option<f64>,
    pub(super) max_us: Option<f64>,
    #[serde(default)]
    pub(super) failed: u64,
    #[serde(default)]
    pub(super) cpu_ms: BTreeMap<String, f64>,
    /// The first call of the process, where it makes the load itself.
    pub(super) first_us: Option<f64>,
}

/// What a run took in proportion to another, both from the same round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Ratio {
    pub(super) round_trips_per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// CPU time of caller and worker together, if both tell.
    pub(super) cpu: Option<f64>,
}

/// A process's first call after readiness, and its tenth.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct First {
    pub(super) side: Side,
    #[serde(flatten)]
    pub(super) times: Times,
}

/// In microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) first_us: f64,
    pub(super) tenth_us: f64,
}

/// Memory after a number of calls, by process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) resident_mib: BTreeMap<String, f64>,
}

impl Load {
    /// The last line of a program's output that is a run.
    pub(super) fn parse(output: &str) -> Option<Self> {
        output
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line).ok())
    }

    /// The median of each figure; the failures of all.
    pub(super) fn median(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure)).unwrap_or(f64::NAN);
        let maybe = |figure: fn(&Self) -> Option<f64>| median(runs.iter().filter_map(figure));
        let names: BTreeSet<_> = runs.iter().flat_map(|run| run.cpu_ms.keys()).collect();
        let cpu_ms = names.into_iter().filter_map(|name| {
            let used = runs.iter().filter_map(|run| run.cpu_ms.get(name).copied());
            Some((name.clone(), median(used)?))
        });
        Self {
            round_trips_per_second: of(|run| run.round_trips_per_second),
            p50_us: of(|run| run.p50_us),
            p99_us: of(|run| run.p99_us),
            p90_us: maybe(|run| run.p90_us),
            max_us: maybe(|run| run.max_us),
            failed: runs.iter().map(|run| run.failed).sum(),
            cpu_ms: cpu_ms.collect(),
            first_us: maybe(|run| run.first_us),
        }
    }

    /// CPU time of both ends.
    fn both_ends_ms(&self) -> Option<f64> {
        Some(self.cpu_ms.get("caller")? + self.cpu_ms.get("worker")?)
    }
}

impl Ratio {
    /// `run` in proportion to `to`.
    pub(super) fn of(run: &Load, to: &Load) -> Self {
        let cpu = run.both_ends_ms().zip(to.both_ends_ms());
        Self {
            round_trips_per_second: run.round_trips_per_second / to.round_trips_per_second,
            p50: run.p50_us / to.p50_us,
            p99: run.p99_us / to.p99_us,
            cpu: cpu.map(|(run, to)| run / to),
        }
    }

    /// The median of each ratio.
    pub(super) fn median(ratios: &[Self]) -> Self {
        let of = |ratio: fn(&Self) -> f64| median(ratios.iter().map(ratio)).unwrap_or(f64::NAN);
        Self {
            round_trips_per_second: of(|ratio| ratio.round_trips_per_second),
            p50: of(|ratio| ratio.p50),
            p99: of(|ratio| ratio.p99),
            cpu: median(ratios.iter().filter_map(|ratio| ratio.cpu)),
        }
    }
}

/// The middle one, or the mean of the two in the middle; none of nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rate: f64, p50_us: f64, caller: f64, worker: f64) -> Load {
        Load {
            round_trips_per_second: rate,
            p50_us,
            p99_us: p50_us * 2.0,
            p90_us: None,
            max_us: Some(p50_us * 3.0),
            failed: 1,
            cpu_ms: BTreeMap::from([("caller".into(), caller), ("worker".into(), worker)]),
            first_us: None,
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn runs_come_together_by_medians_and_failures_by_their_sum() {
        let runs = [
            load(10.0, 5.0, 1.0, 1.0),
            load(30.0, 1.0, 3.0, 1.0),
            load(20.0, 2.0, 2.0, 1.0),
        ];
        let median = Load::median(&runs);
        assert_eq!((median.round_trips_per_second, median.p50_us), (20.0, 2.0));
        assert_eq!((median.failed, median.p90_us), (3, None));
        assert_eq!(median.cpu_ms["caller"], 2.0);
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        let slow = Ratio::of(&load(5.0, 2.0, 3.0, 1.0), &load(10.0, 1.0, 1.0, 1.0));
        let fast = Ratio::of(&load(10.0, 1.0, 1.0, 1.0), &load(10.0, 1.0, 1.0, 1.0));
        assert_eq!((slow.round_trips_per_second, slow.p50), (0.5, 2.0));
        assert_eq!((slow.p99, slow.cpu), (2.0, Some(2.0)));
        assert_eq!(Ratio::median(&[slow, fast]).p50, 1.5);
    }

    #[test]
    fn a_run_is_found_among_what_a_peer_prints() {
        let output = "READY\n{\"round_trips_per_second\":9,\"p50_us\":1,\"p99_us\":2}\nbye\n";
        let load = Load::parse(output).unwrap();
        assert_eq!((load.round_trips_per_second, load.failed), (9.0, 0));
        assert!(load.cpu_ms.is_empty() && load.max_us.is_none());
        assert_eq!(Load::parse("9 rt/s"), None);
    }
}
