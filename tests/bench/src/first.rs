//! The first call of a process, against a later one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::sides::{Caller, Job};

/// The one that the first is compared with.
const LATER: usize = 10;

/// The job; there is nothing to choose.
#[derive(Debug)]
pub(crate) struct Options;

/// What is printed, in microseconds.
#[derive(Debug, Serialize)]
struct Figures {
    first_us: f64,
    tenth_us: f64,
}

impl Job for Options {
    async fn run<C: Caller>(&self, caller: &C) -> Result<()> {
        let mut caller = caller.clone();
        let mut taken = [Duration::ZERO; LATER];
        for (index, taken) in taken.iter_mut().enumerate() {
            let begun = Instant::now();
            let call = caller.round_trip().await;
            call.with_context(|| format!("call {} after readiness failed", index + 1))?;
            *taken = begun.elapsed();
        }
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let figures = Figures {
            first_us: micros(taken[0]),
            tenth_us: micros(taken[LATER - 1]),
        };
        println!("{}", serde_json::to_string(&figures)?);
        Ok(())
    }
}
