//! A gRPC server in Python, of a contract that no binary here was compiled with, is fronted through its
//! descriptor set: over REST, gRPC and gRPC-Web, by a client in Python.

use std::time::Duration;

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, Feed, PYTHON};
use crate::standalone::{Scratch, Standalone};

const NAME: &str = "python";

/// All calls of the client.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &[PYTHON])? {
        return Ok(Outcome::LeftOut(reason));
    }
    let feed = Feed::build(context)?;
    let scratch = Scratch::new(context, NAME)?;
    let server = feed.serve(scratch.path())?;
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let home = scratch.path().join("platform");
    let standalone = Standalone::start_with(&binary, &home, &server.settings())?;
    let mut client = feed.python("client.py", &standalone.http.to_string());
    foreign::cases(&mut client, LIMIT)
}
