//! The tests of `cargo test`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::RUST;
use super::count::{Counts, Said};
use super::report::Report;
use crate::context::Context;
use crate::process::find;

/// The feature by which a package compiles the tests that need real servers.
const REAL: &str = "real";

/// The feature by which xtask compiles the tests that start servers of their own.
const INFRA: &str = "xtask/infra";

/// The feature by which the bus compiles TLS and the tests of it, which start a broker of their own.
const TLS: &str = "bus/kafka-tls";

/// `package/real` for each package that has such a feature, comma-separated. With them what
/// needs servers that xtask starts, if it can start some here: its own tests, and those of TLS.
///
/// # Errors
/// When `cargo metadata` fails.
pub(crate) fn real_features(context: &Context, startable: bool) -> Result<String> {
    let metadata = context.metadata()?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo names no packages")?;
    let features: Vec<String> = packages
        .iter()
        .filter(|package| package["features"].get(REAL).is_some())
        .filter_map(|package| package["name"].as_str())
        .map(|name| format!("{name}/{REAL}"))
        .chain(startable.then(|| INFRA.to_owned()))
        .chain((startable && has_openssl()).then(|| TLS.to_owned()))
        .collect();
    Ok(features.join(","))
}

/// Whether OpenSSL can be built here, or need not be.
fn has_openssl() -> bool {
    find("perl").is_some() || std::env::var_os("OPENSSL_NO_VENDOR").is_some()
}

/// Runs them, echoing their output as it comes.
///
/// # Errors
/// When cargo cannot be started. That tests fail is a result, not an error.
pub(super) fn run(context: &Context, report: &mut Report) -> Result<()> {
    let mut command = context.cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.env("TROLLEYBUS_BIN_DIR", context.bin_dir("debug")?);
    if let Ok(servers) = context.servers() {
        let features = real_features(context, servers.dir.is_some())?;
        command.args(["--features", &features]);
        for (name, value) in servers.endpoints.variables() {
            command.env(format!("TEST_{name}"), value);
        }
        if let Some(dir) = &servers.dir {
            if !has_openssl() {
                report.left_out(RUST, "TLS to Kafka: OpenSSL needs perl to be built");
            }
            command.env("TROLLEYBUS_INFRA_DIR", dir);
            // Not the running executable, which the build may have replaced.
            command.env("TROLLEYBUS_XTASK", context.bin_dir("debug")?.join("xtask"));
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start `cargo test`")?;
    let output = child.stdout.take().context("`cargo test` has no output")?;
    let (mut counts, mut said) = (Counts::default(), Said::default());
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        counts.add_line(&line);
        said.add_line(&line);
        println!("{line}");
    }
    let status = child.wait()?;
    if !status.success() && counts.failed == 0 {
        report.failed(RUST, "a test binary did not build or crashed; see above");
    }
    report.said(said.text());
    report.counted(RUST, counts.passed, counts.failed);
    if counts.ignored > 0 {
        report.left_out(
            RUST,
            &format!("{} tests are marked as ignored", counts.ignored),
        );
    }
    Ok(())
}
