//! The documents: those that the binaries write are up to date, and every link leads somewhere.

mod links;

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::docs;

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let generated = docs::check(context)?;
    let links = links::check(context)?;
    Ok(Outcome::Passed(generated + links))
}
