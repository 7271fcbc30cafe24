//! Clients of other platforms, against a service on the bus: the programs of `tests/interop`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::infra::Needs;
use crate::process::{captured, find};
use crate::suite::Outcome;

/// Fetching what a client is made of, and compiling it.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// One run: the start of the service, the client's calls, the stop.
const LIMIT: Duration = Duration::from_secs(240);

/// A program that a client needs, and the Debian package that has it.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

/// Where the sources of a client are.
pub(crate) fn sources(context: &Context, name: &str) -> PathBuf {
    context.root().join("tests/interop").join(name)
}

/// Where a client is built.
pub(crate) fn built(context: &Context, name: &str) -> PathBuf {
    context.root().join("target/interop").join(name)
}

/// Why a client cannot be built here, if it cannot be, after installing what is missing where that
/// is allowed.
///
/// # Errors
/// When an installation fails.
pub(crate) fn missing(context: &Context, programs: &[Program]) -> Result<Option<String>> {
    let absent = || {
        programs
            .iter()
            .filter(|program| find(program.name).is_none())
    };
    if context.may_install() && absent().next().is_some() {
        let needs = absent().map(|program| Needs {
            what: program.name,
            package: program.package,
        });
        Needs::install(context, &needs.collect::<Vec<_>>())?;
    }
    let names: Vec<_> = absent().map(|program| program.name).collect();
    let packages: Vec<_> = absent().map(|program| program.package).collect();
    Ok((!names.is_empty()).then(|| {
        let (names, packages) = (names.join(", "), packages.join(" "));
        format!("missing: {names}; run: apt-get install {packages}")
    }))
}

/// Runs a client against a service that `bus-interop` starts, and counts the cases that hold.
///
/// # Errors
/// When one does not.
pub(crate) fn run<S: AsRef<OsStr>>(context: &Context, name: &str, client: &[S]) -> Result<Outcome> {
    let mut command = Command::new(context.bin_dir("debug")?.join("bus-interop"));
    command
        .arg(name)
        .args(client)
        .env("KAFKA_BROKERS", &context.servers()?.endpoints.kafka);
    let report = captured(&mut command, LIMIT).context("a case does not hold")?;
    print!("{report}");
    let passed = report
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    ensure!(passed > 0, "the client has no case");
    Ok(Outcome::Passed(passed))
}
