//! Counts of a case, small in tests and large in a soak, and what it gives.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::json;

/// The figures of one case.
pub(crate) struct Figures {
    case: &'static str,
    figures: BTreeMap<&'static str, u64>,
}

/// Whether the counts are those of a soak.
pub(crate) fn soaking() -> bool {
    std::env::var("TROLLEYBUS_SOAK").is_ok_and(|value| value == "1")
}

/// A count: small, or that of a soak.
pub(crate) fn count(small: u64, large: u64) -> u64 {
    if soaking() { large } else { small }
}

/// The memory of this process that is in use, in KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

// === impl Figures ===

impl Figures {
    pub(crate) fn new(case: &'static str) -> Self {
        Self {
            case,
            figures: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, what: &'static str, figure: u64) {
        self.figures.insert(what, figure);
    }

    /// Prints them, and appends them to the report of a soak.
    pub(crate) fn publish(&self) {
        let line = json!({"case": self.case, "figures": self.figures}).to_string();
        println!("{line}");
        if let Some(path) = std::env::var_os("TROLLEYBUS_SOAK_REPORT") {
            let mut options = std::fs::OpenOptions::new();
            let mut report = options.create(true).append(true).open(path).unwrap();
            report.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
    }
}
