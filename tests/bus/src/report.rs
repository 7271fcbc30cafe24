//! What worker and caller say on standard output, one JSON object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Line {
    /// Every component of the process is up.
    Ready,
    /// A component is not up, for this reason.
    Unready {
        /// What it says.
        reason: String,
    },
    /// A call has ended.
    Ended(Ended),
    /// The caller made its last call and all have ended.
    Summary(Summary),
    /// What a worker does at the moment; the answer to SIGUSR1.
    State(State),
    /// The worker has stopped in order.
    Stopped(State),
}

/// How a call ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// The call's own id, which the service echoes or applies.
    pub id: String,
    /// Which of the caller's lanes made it: each makes one call after the other.
    pub lane: u64,
    /// When it was made, in milliseconds since the caller was started.
    pub begun_ms: u64,
    /// When it ended, the same.
    pub ended_ms: u64,
    /// `Ok`, a gRPC code, [`DROPPED`], or [`MIXED`].
    pub status: String,
    /// The message of an error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The status of a call that was answered in time.
pub const OK: &str = "Ok";
/// The status of a call whose future was dropped before it ended.
pub const DROPPED: &str = "Dropped";
/// The status of a call that got the answer of another one.
pub const MIXED: &str = "Mixed";

/// All calls of a caller.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Summary {
    /// How many were made.
    pub calls: u64,
    /// How many were answered.
    pub ok: u64,
    /// How many ended otherwise, by status.
    pub errors: BTreeMap<String, u64>,
    /// How many ended more than once.
    pub ended_twice: u64,
    /// How many the channel still awaits.
    pub pending: u64,
    /// The end of the latest call after its deadline, in milliseconds; negative if before it.
    pub latest_ms: i64,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Records that the bus works on.
    pub in_flight: usize,
    /// Handlers that run.
    pub running: usize,
}
