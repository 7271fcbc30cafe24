//! Every program in turn, again and again, so that what else the machine does hits all of them.

use anyhow::Result;
use serde::Serialize;

use super::Options;
use super::figures::{Load, Ratio};
use super::program::{Program, Side};
use crate::bench::peer::Peer;

/// What was measured at one number of calls in flight.
#[derive(Debug, Serialize)]
pub(super) struct Level {
    pub(super) in_flight: u32,
    /// The baseline first.
    pub(super) rows: Vec<Row>,
}

/// One program at one level.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) median: Load,
    /// The median of its ratios to the baseline of the same round; none for the baseline.
    pub(super) ratio: Option<Ratio>,
    pub(super) runs: Vec<Load>,
}

/// What is measured.
enum Subject<'a> {
    Side(Side),
    Peer(&'a Peer),
}

impl Subject<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Side(side) => side.name(),
            Self::Peer(peer) => &peer.name,
        }
    }

    /// Whether it is a peer, and the rounds of peers are over.
    fn sits_out(&self, round: u32, peer_rounds: Option<u32>) -> bool {
        matches!(self, Self::Peer(_)) && peer_rounds.is_some_and(|rounds| round >= rounds)
    }
}

/// Measures every level.
///
/// # Errors
/// When a program fails.
pub(super) fn measure(program: &Program, options: &Options) -> Result<Vec<Level>> {
    let plain = options.plain.then_some(Side::Plain);
    let sides = [Side::Bare].into_iter().chain(plain).chain([Side::Bus]);
    let peers = options.peer.iter().map(Subject::Peer);
    let subjects: Vec<_> = sides.map(Subject::Side).chain(peers).collect();
    warm_up(program, options)?;
    let levels = options.in_flight.iter();
    levels
        .map(|&in_flight| level(program, options, &subjects, in_flight))
        .collect()
}

/// Loads the broker before anything counts: one that has just started answers at a fraction of its
/// pace, which only those would meet that come first.
fn warm_up(program: &Program, options: &Options) -> Result<()> {
    let in_flight = options.in_flight.iter().copied().max().unwrap_or(1);
    for side in [Side::Bare, Side::Bus] {
        eprintln!(
            "the broker warms up: {} at {in_flight} in flight",
            side.name()
        );
        program.load(side, in_flight, options.seconds)?;
    }
    Ok(())
}

fn level(
    program: &Program,
    options: &Options,
    subjects: &[Subject<'_>],
    in_flight: u32,
) -> Result<Level> {
    let mut runs: Vec<Vec<Load>> = subjects.iter().map(|_| Vec::new()).collect();
    // A peer counts calls, not seconds: known after the first run, which is the baseline's.
    let mut calls = 1;
    for round in 0..options.rounds {
        for index in order(subjects.len(), round) {
            let subject = &subjects[index];
            if subject.sits_out(round, options.peer_rounds) {
                continue;
            }
            eprintln!(
                "{in_flight} in flight, round {} of {}: {}",
                round + 1,
                options.rounds,
                subject.name()
            );
            let load = match subject {
                Subject::Side(side) => program.load(*side, in_flight, options.seconds)?,
                Subject::Peer(peer) => peer.load(program, in_flight, calls)?,
            };
            if round == 0 && index == 0 {
                calls = calls_of_a_peer(load.round_trips_per_second, options.seconds);
            }
            runs[index].push(load);
        }
    }
    let baseline = runs[0].clone();
    let rows = subjects.iter().zip(runs).enumerate();
    let rows = rows.map(|(index, (subject, runs))| {
        let pairs = runs.iter().zip(&baseline);
        let ratios: Vec<_> = pairs.map(|(run, to)| Ratio::of(run, to)).collect();
        Row {
            name: subject.name().to_owned(),
            median: Load::median(&runs),
            ratio: (index > 0).then(|| Ratio::median(&ratios)),
            runs,
        }
    });
    Ok(Level {
        in_flight,
        rows: rows.collect(),
    })
}

/// Whose turn it is when: each round begins with another one, the first with the baseline.
fn order(count: usize, round: u32) -> impl Iterator<Item = usize> {
    let first = usize::try_from(round).unwrap_or_default();
    (0..count).map(move |place| (first + place) % count)
}

/// Half of what the baseline does in the time: peers are not expected to be as fast.
fn calls_of_a_peer(rate: f64, seconds: u64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of calls, positive and far below 2^52"
    )]
    let calls = (rate * seconds as f64 / 2.0) as u64;
    calls.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another_program_and_the_first_with_the_baseline() {
        let rounds: Vec<Vec<_>> = (0..4).map(|round| order(3, round).collect()).collect();
        assert_eq!(rounds, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }

    #[test]
    fn a_peer_sits_out_when_its_rounds_are_over_and_nobody_else_does() {
        let peer = "spring=./run.sh".parse().unwrap();
        let peer = Subject::Peer(&peer);
        assert!(!peer.sits_out(1, Some(2)) && peer.sits_out(2, Some(2)));
        assert!(!peer.sits_out(9, None));
        assert!(!Subject::Side(Side::Bus).sits_out(9, Some(2)));
    }

    #[test]
    fn a_peer_makes_half_the_calls_of_the_baseline_and_one_at_least() {
        assert_eq!(calls_of_a_peer(2_000.0, 5), 5_000);
        assert_eq!(calls_of_a_peer(0.1, 1), 1);
    }
}
