//! The documents that the binaries write themselves are those of the repository.

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::docs;

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    docs::check(context).map(Outcome::Passed)
}
