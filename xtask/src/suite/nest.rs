//! An unmodified NestJS client calls a service over the bus.

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, NODE};

const NAME: &str = "nest";

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &NODE)? {
        return Ok(Outcome::LeftOut(reason));
    }
    let client = foreign::npm(context, NAME, &["client.mjs"])?.join("client.mjs");
    foreign::run(context, NAME, &["node".as_ref(), client.as_os_str()])
}
