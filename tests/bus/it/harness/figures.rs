//! What a case gives: counts, and how long things took.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

/// The file that figures are appended to, one JSON object a line.
const REPORT: &str = "TROLLEYBUS_SOAK_REPORT";

/// The figures of one case.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) case: String,
    /// How many calls were made.
    pub(crate) calls: u64,
    /// How many were answered.
    pub(crate) ok: u64,
    /// How many ended otherwise, by status.
    pub(crate) errors: BTreeMap<String, u64>,
    /// What the errors said, with how many calls were told so.
    #[serde(skip)]
    pub(crate) messages: BTreeMap<String, u64>,
    /// The end of the latest call after its deadline, in milliseconds; none if no call with a
    /// deadline ended.
    pub(crate) latest_ms: Option<i64>,
    /// How many effects were counted.
    pub(crate) effects: u64,
    /// How many calls took effect more than once.
    pub(crate) repeated: u64,
    /// What took how long, in milliseconds.
    pub(crate) times: BTreeMap<String, u64>,
}

/// Whether the counts are those of a soak.
pub(crate) fn soaking() -> bool {
    std::env::var("TROLLEYBUS_SOAK").is_ok_and(|value| value == "1")
}

/// The flags of a caller whose calls must all be answered. In a test run they have a minute: what a
/// machine that is busy with other tests takes from them is not their bus's fault. In a soak they have
/// what calls have who do not ask for more.
pub(crate) fn patient<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let minute = ["--deadline-ms", "60000"];
    let more = if soaking() { &[][..] } else { &minute[..] };
    [flags, more].concat()
}

/// A count: small, or that of a soak.
pub(crate) fn soak(small: u64, long: u64) -> u64 {
    if soaking() { long } else { small }
}

// === impl Figures ===

impl Figures {
    /// Adds how long something took.
    pub(crate) fn took(&mut self, what: &str, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.times.insert(what.to_owned(), millis);
    }

    /// Prints them, and appends them to the report of a soak.
    pub(crate) fn publish(&self) {
        let line = serde_json::to_string(self).unwrap();
        println!("{line}");
        for (message, count) in &self.messages {
            println!("  {count} x {message}");
        }
        if let Some(path) = std::env::var_os(REPORT) {
            let options = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path);
            options
                .unwrap()
                .write_all(format!("{line}\n").as_bytes())
                .unwrap();
        }
    }
}
