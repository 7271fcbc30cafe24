//! Another system, measured by a command of its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::figures::Load;
use super::program::Program;
use crate::bench::peer::Peer;
use crate::process::captured;

/// How long a peer may take for a run, its start and its own warm-up included.
const LIMIT: Duration = Duration::from_secs(600);

impl Peer {
    /// One run over a number of calls.
    ///
    /// # Errors
    /// When the command fails, or prints no result.
    pub(super) fn load(&self, program: &Program, in_flight: u32, calls: u64) -> Result<Load> {
        let mut command = Command::new("sh");
        let kafka: Vec<_> = program.kafka.iter().map(ToString::to_string).collect();
        command
            .args(["-c", &self.command])
            .env("KAFKA", &program.brokers)
            .env("KAFKA_PIDS", kafka.join(","))
            .env("IN_FLIGHT", in_flight.to_string())
            .env("CALLS", calls.to_string());
        let output = captured(&mut command, LIMIT)
            .with_context(|| format!("the peer {} cannot be measured", self.name))?;
        Load::parse(&output)
            .with_context(|| format!("the peer {} printed no result:\n{output}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_what_to_measure_and_where() {
        let peer: Peer = "fake=test $KAFKA$KAFKA_PIDS = k:17,8 && \
            echo \"{\\\"round_trips_per_second\\\":$CALLS,\\\"p50_us\\\":$IN_FLIGHT,\\\"p99_us\\\":1}\""
            .parse()
            .unwrap();
        let program = Program::new("none".into(), "k:1", vec![7, 8]);
        let load = peer.load(&program, 3, 40).unwrap();
        assert_eq!((load.round_trips_per_second, load.p50_us), (40.0, 3.0));
        let silent: Peer = "silent=true".parse().unwrap();
        assert!(silent.load(&program, 3, 40).is_err());
    }
}
