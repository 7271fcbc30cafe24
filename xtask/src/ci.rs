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
    let mut clippy = context.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    if let Some(features) = test::real_features(context, true)? {
        clippy.args(["--features", &features]);
    }
    passthrough(clippy.args(["--", "-D", "warnings"]))?;
    test::run(context, &test::Options::default())
}
