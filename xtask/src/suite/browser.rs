//! Swagger UI in a real browser: it loads without an error, and its requests work.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::account::{EMAIL, PASSWORD, sign_up};
use crate::context::Context;
use crate::process::captured;
use crate::standalone::{Scratch, Standalone};
use crate::tools::{self, Browser};

/// The browser, from its start to its end.
const LIMIT: Duration = Duration::from_secs(180);

/// Prints one line for each check that passed; ends with an error at the first that does not.
const SCRIPT: &str = include_str!("browser/swagger.cjs");

/// Where the screenshots stay for people to look at.
const PICTURES: &str = "target/browser";

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(browser) = tools::browser(context)? else {
        return Ok(Outcome::LeftOut(tools::NO_BROWSER.to_owned()));
    };
    let scratch = Scratch::new(context, "browser-suite")?;
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let standalone = Standalone::start(&binary, scratch.path())?;
    sign_up(standalone.http)?;
    let pictures = context.root().join(PICTURES);
    fs::create_dir_all(&pictures)?;
    let script = scratch.path().join("swagger.cjs");
    fs::write(&script, SCRIPT).context("cannot write the script")?;
    let Browser { modules, chromium, node } = browser;
    let mut command = Command::new(node);
    command
        .arg(&script)
        .env("PLAYWRIGHT", modules.join("node_modules/playwright-core"))
        .env("CHROMIUM", chromium)
        .env("PLATFORM", format!("http://{}", standalone.http))
        .env("PICTURES", &pictures)
        .env("EMAIL", EMAIL)
        .env("PASSWORD", PASSWORD);
    let report = captured(&mut command, LIMIT)?;
    print!("{report}");
    println!("screenshots: {}", pictures.display());
    Ok(Outcome::Passed(report.lines().count()))
}
