//! An unmodified NestJS client calls a service over the bus.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, BUILD_LIMIT, Program};
use crate::process::captured;

const NAME: &str = "nest";

/// What the client consists of.
const FILES: [&str; 3] = ["client.mjs", "package.json", "package-lock.json"];

const PROGRAMS: [Program; 2] = [
    Program { name: "node", package: "nodejs" },
    Program { name: "npm", package: "npm" },
];

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &PROGRAMS)? {
        return Ok(Outcome::LeftOut(reason));
    }
    let (sources, dir) = (foreign::sources(context, NAME), foreign::built(context, NAME));
    fs::create_dir_all(&dir)?;
    for file in FILES {
        fs::copy(sources.join(file), dir.join(file)).with_context(|| format!("no {file}"))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&dir).args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
    captured(&mut npm, BUILD_LIMIT)?;
    let client = dir.join("client.mjs");
    foreign::run(context, NAME, &["node".as_ref(), client.as_os_str()])
}
