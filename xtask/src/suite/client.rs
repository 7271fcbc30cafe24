//! A client in TypeScript that is generated from the OpenAPI document: its types are checked as strictly
//! as they can be, and it works.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, BUILD_LIMIT, NODE};
use crate::process::captured;
use crate::standalone::{Scratch, Standalone};

const NAME: &str = "client";

/// All calls of the client.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &NODE)? {
        return Ok(Outcome::LeftOut(reason));
    }
    let dir = foreign::npm(context, NAME, &["client.ts", "tsconfig.json"])?;
    let scratch = Scratch::new(context, "client-suite")?;
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let standalone = Standalone::start(&binary, scratch.path())?;
    let platform = format!("http://{}", standalone.http);
    let tool = |name: &str| {
        let mut command = Command::new(dir.join("node_modules/.bin").join(name));
        command.current_dir(&dir);
        command
    };
    let mut generator = tool("openapi-typescript");
    generator.arg(format!("{platform}/api/openapi.json"));
    captured(generator.args(["--output", "api.d.ts"]), BUILD_LIMIT)?;
    captured(&mut tool("tsc"), BUILD_LIMIT).context("the types do not fit")?;
    let mut client = Command::new("node");
    client.arg(dir.join("out/client.js")).arg(platform);
    foreign::cases(&mut client, LIMIT)
}
