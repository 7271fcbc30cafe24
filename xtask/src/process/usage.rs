//! What a process uses, from `/proc`.

use std::fs;

use super::identity::{Stat, descendants};

/// Clock ticks a second that `/proc` counts in; 100 on every Linux ABI in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time and memory of one process at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and kernel time since its start, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Resident memory, in MiB; pages shared between its children count once where the kernel tells.
    pub(crate) resident_mib: f64,
}

impl Usage {
    /// Of `pid` and its children (PostgreSQL serves each connection by one); none if it is gone.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let mut total = Self::single(pid)?;
        for child in descendants(pid) {
            if let Some(usage) = Self::single(child.pid()) {
                total.cpu_seconds += usage.cpu_seconds;
                total.resident_mib += usage.resident_mib;
            }
        }
        Some(total)
    }

    fn single(pid: u32) -> Option<Self> {
        let stat = Stat::of(pid)?;
        let memory = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .or_else(|_| fs::read_to_string(format!("/proc/{pid}/status")))
            .ok()?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a tick count stays far below 2^52"
        )]
        let cpu_seconds = stat.ticks as f64 / TICKS_PER_SECOND;
        Some(Self {
            cpu_seconds,
            resident_mib: resident_mib(&memory).unwrap_or_default(),
        })
    }
}

/// The proportional set size if the file has it, else the resident set size.
fn resident_mib(memory: &str) -> Option<f64> {
    let kib = |name: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    };
    kib("Pss:")
        .or_else(|| kib("VmRSS:"))
        .map(|kib| kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_either_file() {
        assert_eq!(
            resident_mib("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"),
            Some(2.0)
        );
        assert_eq!(resident_mib("Rss:  4096 kB\nPss:     1024 kB\n"), Some(1.0));
        assert_eq!(resident_mib("nothing"), None);
    }

    #[test]
    fn the_own_process_uses_memory() {
        assert!(Usage::of(std::process::id()).unwrap().resident_mib > 0.0);
    }
}
