//! What passed, what failed, what was left out and why.

use std::time::Instant;

use anyhow::{Result, bail};

/// The results of a run so far.
#[derive(Debug)]
pub(super) struct Report {
    /// When what comes next began.
    begun: Instant,
    lines: Vec<String>,
    failures: Vec<String>,
    said: String,
    left_out: Vec<String>,
    not_run: Vec<String>,
    passed: usize,
    failed: usize,
}

impl Report {
    /// Of a run that begins now.
    pub(super) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            lines: Vec::new(),
            failures: Vec::new(),
            said: String::new(),
            left_out: Vec::new(),
            not_run: Vec::new(),
            passed: 0,
            failed: 0,
        }
    }

    /// What had to be done before the tests, and how long it took.
    pub(super) fn prepared(&mut self, name: &str) {
        let took = self.took();
        self.lines.push(format!("{name:<12} {:25} {took:>5} s", ""));
    }

    /// The whole seconds since the last of these.
    fn took(&mut self) -> u64 {
        let now = Instant::now();
        let took = now.duration_since(std::mem::replace(&mut self.begun, now));
        took.as_secs()
    }

    pub(super) fn passed(&mut self, name: &str, count: usize) {
        self.counted(name, count, 0);
    }

    /// A suite that failed as a whole.
    pub(super) fn failed(&mut self, name: &str, reason: &str) {
        println!("{name} failed: {reason}");
        self.failures.push(format!(
            "{name}: {}",
            reason.lines().next().unwrap_or_default()
        ));
        self.counted(name, 0, 1);
    }

    /// A suite that counts its tests itself.
    pub(super) fn counted(&mut self, name: &str, passed: usize, failed: usize) {
        let took = self.took();
        self.lines.push(format!(
            "{name:<12} {passed:>5} passed {failed:>4} failed {took:>5} s"
        ));
        self.passed += passed;
        self.failed += failed;
    }

    /// What failing tests printed; said again before the summary.
    pub(super) fn said(&mut self, text: String) {
        self.said = text;
    }

    pub(super) fn left_out(&mut self, name: &str, reason: &str) {
        println!("left out: {reason}");
        self.left_out.push(format!("{name}: {reason}"));
    }

    /// A part of a suite that is not for `cargo xtask test` to run anywhere, CI included.
    pub(super) fn not_run(&mut self, name: &str, reason: &str) {
        self.not_run.push(format!("{name}: {reason}"));
    }

    /// Prints the summary, the counts last.
    ///
    /// # Errors
    /// When something failed, or was left out although `complete` was asked for.
    pub(super) fn finish(self, complete: bool) -> Result<()> {
        print!("{}", self.summary());
        if self.failed > 0 {
            bail!("{} failed", self.failed);
        }
        if complete && !self.left_out.is_empty() {
            bail!("in CI nothing may be left out");
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let mut lines = vec![String::new()];
        if !self.said.is_empty() {
            lines.extend(["=== what failed said ===".to_owned(), self.said.clone()]);
            lines.push(String::new());
        }
        lines.push("=== summary ===".to_owned());
        for (title, section) in [
            ("", &self.lines),
            ("failed:", &self.failures),
            ("left out:", &self.left_out),
            ("not run by these tests anywhere:", &self.not_run),
        ] {
            if !section.is_empty() && !title.is_empty() {
                lines.push(title.to_owned());
            }
            lines.extend(section.iter().map(|line| format!("  {line}")));
        }
        lines.push(format!("{} passed, {} failed\n", self.passed, self.failed));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_ends_with_the_counts_and_names_what_was_left_out() {
        let mut report = Report::begin();
        report.counted("rust", 7, 1);
        report.said("---- b stdout ----\nwrong".to_owned());
        report.passed("buf", 3);
        report.left_out("helm", "no helm");
        report.not_run("readme", "line 7: needs a cluster");
        let summary = report.summary();
        let said = "\n=== what failed said ===\n---- b stdout ----\nwrong\n\n=== summary ===\n";
        assert!(summary.starts_with(said), "{summary}");
        assert!(
            summary.contains("left out:\n  helm: no helm\n"),
            "{summary}"
        );
        let elsewhere = "not run by these tests anywhere:\n  readme: line 7: needs a cluster\n";
        assert!(summary.contains(elsewhere), "{summary}");
        assert!(summary.ends_with("\n10 passed, 1 failed\n"), "{summary}");
        assert!(report.finish(false).is_err());
    }

    #[test]
    fn leaving_something_out_fails_only_where_everything_is_asked_for() {
        let report = || {
            let mut report = Report::begin();
            report.left_out("helm", "no helm");
            report
        };
        assert!(report().finish(false).is_ok());
        assert!(report().finish(true).is_err());
    }
}
