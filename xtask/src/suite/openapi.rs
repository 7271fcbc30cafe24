//! The OpenAPI document against a validator, and the running platform against its document: Schemathesis
//! asks what the document allows and what it forbids, of our services and of one of another platform.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, Feed, PYTHON};
use crate::standalone::{Scratch, Standalone};

const NAME: &str = "openapi";

/// How many requests are made up for each operation; `OPENAPI_EXAMPLES` asks for more.
const EXAMPLES: u32 = 20;

/// What they are made up from; `OPENAPI_SEED` asks for others.
const SEED: u32 = 1;

/// A run of so many examples.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &[PYTHON])? {
        return Ok(Outcome::LeftOut(reason));
    }
    let (examples, seed) = (number("OPENAPI_EXAMPLES", EXAMPLES)?, number("OPENAPI_SEED", SEED)?);
    let modules = foreign::pip(context, NAME)?;
    let feed = Feed::build(context)?;
    let scratch = Scratch::new(context, "openapi-suite")?;
    let server = feed.serve(scratch.path())?;
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let home = scratch.path().join("platform");
    let standalone = Standalone::start_with(&binary, &home, &server.settings())?;
    let mut check = Command::new("python3");
    check
        // What it found stays there for people to look at.
        .current_dir(foreign::built(context, NAME))
        .env("PYTHONPATH", modules)
        .env("EXAMPLES", examples.to_string())
        .env("SEED", seed.to_string())
        .arg(foreign::sources(context, NAME).join("check.py"))
        .arg(standalone.http.to_string());
    foreign::cases(&mut check, LIMIT * examples.div_ceil(EXAMPLES))
}

fn number(name: &str, default: u32) -> Result<u32> {
    match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
        Err(_) => Ok(default),
    }
}
