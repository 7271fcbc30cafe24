//! A browser and what drives it.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Tool;
use super::registry::npm;
use crate::context::Context;
use crate::infra::Needs;
use crate::process::find;

pub(super) const PLAYWRIGHT_VERSION: &str = "1.65.1";

/// What a suite says when [`browser`] finds none.
pub(crate) const NO_BROWSER: &str = "a browser needs Chromium, Node and playwright-core; run: \
                                     apt-get install chromium nodejs npm && cargo xtask tools playwright";

/// What a script in Node needs to drive a browser; Chromium as root wants `--no-sandbox`.
#[derive(Debug)]
pub(crate) struct Browser {
    /// The folder with `node_modules/playwright-core`.
    pub(crate) modules: PathBuf,
    /// For Playwright's `executablePath`.
    pub(crate) chromium: PathBuf,
    /// Runs the script.
    pub(crate) node: PathBuf,
}

/// The browser, if all it takes is there or may be installed.
///
/// # Errors
/// When an installation fails.
pub(crate) fn browser(context: &Context) -> Result<Option<Browser>> {
    let chromium = || find("chromium").or_else(|| find("chromium-browser"));
    if chromium().is_none() && context.may_install() {
        Needs::install(
            context,
            &[Needs {
                what: "Chromium",
                package: "chromium",
            }],
        )?;
    }
    let tool = Tool::named("playwright")?;
    let (Some(chromium), Some(node), Some(_)) = (chromium(), find("node"), tool.program(context)?)
    else {
        return Ok(None);
    };
    Ok(Some(Browser {
        modules: tool.dir(context),
        chromium,
        node,
    }))
}

pub(super) fn install(_: &Context, dir: &Path) -> Result<()> {
    npm(dir, &format!("playwright-core@{PLAYWRIGHT_VERSION}"))
}
