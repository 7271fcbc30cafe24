//! Connect's client for browsers, unmodified, in a browser: gRPC-Web from a page of another origin, to the
//! platform's own services and to one that it was not compiled with.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::Outcome;
use crate::context::Context;
use crate::foreign::{self, BUILD_LIMIT, Feed, NODE, PYTHON, flag};
use crate::infra::free_ports;
use crate::process::captured;
use crate::standalone::{Scratch, Standalone};
use crate::tools::{self, Browser};

const NAME: &str = "connect";

/// What the page is made of, and what opens it.
const FILES: [&str; 3] = ["page.mjs", "index.html", "drive.cjs"];

/// The contracts that the page knows, and all that they import.
const CONTRACTS: [&str; 8] = [
    "auth/v1/auth.proto",
    "buf/validate/validate.proto",
    "feed/v1/feed.proto",
    "google/api/annotations.proto",
    "google/api/http.proto",
    "google/rpc/error_details.proto",
    "trolleybus/v1/options.proto",
    "user/v1/user.proto",
];

/// The browser, from its start to its end.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if let Some(reason) = foreign::missing(context, &[PYTHON, NODE[0], NODE[1]])? {
        return Ok(Outcome::LeftOut(reason));
    }
    let Some(Browser { modules, chromium, node }) = tools::browser(context)? else {
        return Ok(Outcome::LeftOut(tools::NO_BROWSER.to_owned()));
    };
    let feed = Feed::build(context)?;
    let dir = bundle(context, &feed)?;
    let scratch = Scratch::new(context, "connect-suite")?;
    let server = feed.serve(scratch.path())?;
    let port = free_ports(1)?[0];
    let origin = format!("http://127.0.0.1:{port}");
    let mut settings = server.settings().to_vec();
    settings.push(("CORS_ORIGINS", &origin));
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let standalone = Standalone::start_with(&binary, &scratch.path().join("platform"), &settings)?;
    let mut driver = Command::new(node);
    driver
        .arg(dir.join("drive.cjs"))
        .env("PLAYWRIGHT", modules.join("node_modules/playwright-core"))
        .env("CHROMIUM", chromium)
        .env("PORT", port.to_string())
        .env("PLATFORM", format!("http://{}", standalone.http));
    foreign::cases(&mut driver, LIMIT)
}

/// Generates the code of the contracts and puts all that the page needs into one script.
fn bundle(context: &Context, feed: &Feed) -> Result<PathBuf> {
    let dir = foreign::npm(context, NAME, &FILES)?;
    let tool = |name: &str| dir.join("node_modules/.bin").join(name);
    let generated = dir.join("gen");
    std::fs::create_dir_all(&generated)?;
    let mut protoc = feed.protoc();
    protoc
        .arg(format!("--plugin=protoc-gen-es={}", tool("protoc-gen-es").display()))
        .arg(flag("es_out", &generated))
        .args(["--es_opt=target=js,import_extension=js"])
        .args(CONTRACTS);
    captured(&mut protoc, BUILD_LIMIT)?;
    let mut esbuild = Command::new(tool("esbuild"));
    esbuild
        .current_dir(&dir)
        .args(["page.mjs", "--bundle", "--outfile=page.js", "--log-level=warning"]);
    captured(&mut esbuild, BUILD_LIMIT)?;
    Ok(dir)
}
