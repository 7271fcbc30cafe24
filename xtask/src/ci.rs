//! What a change must pass.

use anyhow::Result;

use crate::context::Context;
use crate::process::passthrough;
use crate::test;

/// Formatting, lints, tests.
///
/// # Errors
/// When one of them fails.
pub(crate) fn run(context: &Context) -> Result<()> {
    passthrough(context.cargo().args(["fmt", "--all", "--check"]))?;
    let features = test::real_features(context, true)?;
    let mut clippy = context.cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        &features,
    ]);
    passthrough(clippy.args(["--", "-D", "warnings"]))?;
    test::run(context, &test::Options::default())
}

/// Prints what only compiles with a feature of its own, and is to be linted all the same.
///
/// # Errors
/// When `cargo metadata` fails.
pub(crate) fn features(context: &Context) -> Result<()> {
    println!("{}", test::real_features(context, true)?);
    Ok(())
}
