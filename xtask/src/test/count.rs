//! Reading the counts, and what failed, out of what `cargo test` prints.

/// How many lines of what failing tests said are kept: more than these nobody reads twice.
const SAID_LIMIT: usize = 200;

/// Tests counted over all binaries of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
}

impl Counts {
    /// Adds what a line says, if it is the result line of a test binary, such as
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1s`.
    pub(super) fn add_line(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        let Some((_, counts)) = result.split_once(". ") else {
            return;
        };
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// What failing tests printed, kept so that it can be said again where a reader looks first: at the
/// end, which is also all that is left of a long log.
#[derive(Debug, Default)]
pub(super) struct Said {
    lines: Vec<String>,
    /// Between the heading of a test's output and the list of names or the result.
    inside: bool,
}

impl Said {
    /// Keeps the line if it belongs to the output of a test that failed.
    pub(super) fn add_line(&mut self, line: &str) {
        let heading = line.starts_with("---- ") && line.ends_with(" stdout ----");
        self.inside = heading || (self.inside && line != "failures:");
        if self.inside && self.lines.len() < SAID_LIMIT {
            self.lines.push(line.to_owned());
        }
    }

    /// As it was printed, without what is blank at the end.
    pub(super) fn text(&self) -> String {
        self.lines.join("\n").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failing_tests_said_is_kept_and_nothing_else() {
        let mut said = Said::default();
        let output = "test a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nlooked: 3\n\n\
            thread 'b' panicked at x.rs:1:2:\n\n\nfailures:\n    b\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored\n---- not a heading\n";
        output.lines().for_each(|line| said.add_line(line));
        let kept = "---- b stdout ----\nlooked: 3\n\nthread 'b' panicked at x.rs:1:2:";
        assert_eq!(said.text(), kept);
    }

    #[test]
    fn of_very_long_output_the_beginning_is_kept() {
        let mut said = Said::default();
        said.add_line("---- b stdout ----");
        (0..10_000).for_each(|line| said.add_line(&line.to_string()));
        assert_eq!(said.text().lines().count(), SAID_LIMIT);
    }

    #[test]
    fn result_lines_add_up_and_others_do_not_count() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "5 passed; 5 failed",
            "test result: ",
            "test result: ok. x passed; ; 7",
        ] {
            counts.add_line(line);
        }
        assert_eq!(
            counts,
            Counts {
                passed: 4,
                failed: 2,
                ignored: 1
            }
        );
    }
}
