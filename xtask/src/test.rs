//! `cargo xtask test`: everything, with the real parts where they can be had.

mod count;
mod report;
mod rust;

use anyhow::{Result, bail};

use self::report::Report;
use crate::context::{Context, Servers};
use crate::infra::{Endpoints, PrivateSet, reason_not_possible};
use crate::process::passthrough;
use crate::suite::{self, Outcome, Requires, Suite};

pub(crate) use rust::real_features;

/// The name of the Rust tests in `--only` and `--skip`.
const RUST: &str = "rust";

/// What to run.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Run this suite only; may be repeated. `rust` are the tests of `cargo test`.
    #[arg(long, value_name = "SUITE")]
    only: Vec<String>,
    /// Run all but this suite; may be repeated.
    #[arg(long, value_name = "SUITE")]
    skip: Vec<String>,
}

impl Options {
    fn check(&self) -> Result<()> {
        let known: Vec<&str> = std::iter::once(RUST)
            .chain(suite::ALL.iter().map(|suite| suite.name))
            .collect();
        for name in self.only.iter().chain(&self.skip) {
            if !known.contains(&name.as_str()) {
                bail!("no suite is called {name}; there are: {}", known.join(", "));
            }
        }
        Ok(())
    }

    fn wants(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| only == name))
            && !self.skip.iter().any(|skip| skip == name)
    }
}

/// Runs what is wanted and prints a summary.
///
/// # Errors
/// When something failed, or, in CI, when something was left out.
pub(crate) fn run(context: &Context, options: &Options) -> Result<()> {
    options.check()?;
    let mut report = Report::begin();
    let suites: Vec<&Suite> = suite::ALL
        .iter()
        .filter(|suite| options.wants(suite.name))
        .collect();
    let rust = options.wants(RUST);
    let needed = suites
        .iter()
        .map(|suite| suite.requires)
        .max()
        .unwrap_or(Requires::Nothing);
    let needed = if rust { Requires::Servers } else { needed };

    // Held to the end: dropping it ends the servers.
    let mut set = None;
    let mut context = context.clone();
    let mut without = None;
    if needed == Requires::Servers {
        match servers(&context, &mut set)? {
            Ok(servers) => context = context.with_servers(servers),
            Err(reason) => without = Some(reason),
        }
    }
    if needed == Requires::Servers {
        report.prepared("servers");
    }
    let mut built = true;
    if needed >= Requires::Binaries {
        heading("build");
        let build = passthrough(context.cargo().args(["build", "--workspace", "--bins"]));
        if let Err(error) = build {
            report.failed("build", &format!("{error:#}"));
            built = false;
        } else {
            report.prepared("build");
        }
    }
    if rust && built {
        heading(RUST);
        rust::run(&context, &mut report)?;
        if let Some(reason) = &without {
            report.left_out("rust tests on real servers", reason);
        }
    }
    for suite in suites {
        heading(suite.name);
        match &without {
            _ if !built && suite.requires >= Requires::Binaries => {
                report.left_out(suite.name, "the binaries did not build");
            }
            Some(reason) if suite.requires == Requires::Servers => {
                report.left_out(suite.name, reason);
            }
            _ => match (suite.run)(&context) {
                Ok(Outcome::Passed(count)) => report.passed(suite.name, count),
                Ok(Outcome::PassedPartly { passed, not_run }) => {
                    report.passed(suite.name, passed);
                    for reason in &not_run {
                        report.not_run(suite.name, reason);
                    }
                }
                Ok(Outcome::LeftOut(reason)) => report.left_out(suite.name, &reason),
                Err(error) => report.failed(suite.name, &format!("{error:#}")),
            },
        }
    }
    drop(set);
    report.finish(context.ci())
}

fn heading(name: &str) {
    println!("\n=== {name} ===");
}

/// The servers that the environment names, or a set of its own, or why there are none.
fn servers(
    context: &Context,
    set: &mut Option<PrivateSet>,
) -> Result<std::result::Result<Servers, String>> {
    if let Some(endpoints) = Endpoints::from_env() {
        eprintln!("using the servers that the environment names");
        return Ok(Ok(Servers {
            endpoints,
            dir: None,
        }));
    }
    match PrivateSet::start(context, 1) {
        Ok(started) => {
            let endpoints = started.endpoints().clone();
            let dir = Some(started.dir().to_owned());
            *set = Some(started);
            Ok(Ok(Servers { endpoints, dir }))
        }
        Err(error) => reason_not_possible(error).map(Err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str], skip: &[&str]) -> Options {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Options {
            only: owned(only),
            skip: owned(skip),
        }
    }

    #[test]
    fn only_and_skip_choose_the_suites() {
        assert!(options(&[], &[]).wants("buf"));
        assert!(options(&["buf"], &[]).wants("buf") && !options(&["buf"], &[]).wants(RUST));
        assert!(!options(&[], &["buf"]).wants("buf") && options(&[], &["buf"]).wants(RUST));
    }

    #[test]
    fn a_misspelt_suite_is_refused() {
        assert!(options(&["bufff"], &[]).check().is_err());
        assert!(options(&[RUST], &["buf"]).check().is_ok());
    }
}
