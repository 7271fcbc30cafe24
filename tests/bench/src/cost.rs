//! What processes use, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};

/// Clock ticks a second that `/proc` counts in; 100 on every Linux ABI in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process to look at, `NAME=PID` on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    name: String,
    pid: u32,
}

impl std::str::FromStr for Watched {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, pid) = text.split_once('=').ok_or("expected NAME=PID")?;
        let pid = pid
            .parse()
            .map_err(|_| "the part after = is no process id")?;
        let name = name.to_owned();
        Ok(Self { name, pid })
    }
}

/// The processes to look at: those that were named, and this one as `caller`.
#[derive(Debug)]
pub(crate) struct Processes(Vec<Watched>);

impl Processes {
    pub(crate) fn with_this_one(named: &[Watched]) -> Self {
        let caller = Watched {
            name: "caller".into(),
            pid: std::process::id(),
        };
        Self([&[caller], named].concat())
    }

    /// User and kernel time of each since its start, in seconds. Processes of one name add up.
    ///
    /// # Errors
    /// When one is gone.
    pub(crate) fn cpu_seconds(&self) -> Result<BTreeMap<String, f64>> {
        self.each("stat", cpu_seconds)
    }

    /// Resident memory of each, in MiB.
    ///
    /// # Errors
    /// When one is gone.
    pub(crate) fn resident_mib(&self) -> Result<BTreeMap<String, f64>> {
        self.each("status", resident_mib)
    }

    fn each(&self, file: &str, read: fn(&str) -> Option<f64>) -> Result<BTreeMap<String, f64>> {
        let mut found = BTreeMap::new();
        for Watched { name, pid } in &self.0 {
            let path = format!("/proc/{pid}/{file}");
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot look at {name}: no {path}"))?;
            let value = read(&text).with_context(|| format!("{path} is not of the known form"))?;
            *found.entry(name.clone()).or_default() += value;
        }
        Ok(found)
    }
}

/// Fields 14 and 15 of `proc_pid_stat(5)`: they are counted behind the program's name, which may
/// itself hold blanks and parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_mib(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_blanks_and_parentheses() {
        let stat = "12 (a b) c) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("12 (a"), None);
    }

    #[test]
    fn this_process_has_memory_and_processes_of_one_name_add_up() {
        let pid = std::process::id();
        let again: Watched = format!("caller={pid}").parse().unwrap();
        let one = Processes::with_this_one(&[]).resident_mib().unwrap()["caller"];
        let two = Processes::with_this_one(&[again]).resident_mib().unwrap()["caller"];
        assert!(one > 0.0 && two > one * 1.5, "{one} {two}");
    }

    #[test]
    fn a_process_without_a_name_or_a_number_is_refused() {
        assert!("12".parse::<Watched>().is_err());
        assert!("kafka=x".parse::<Watched>().is_err());
    }
}
