//! The contracts: style, and no change that breaks a client of the main branch.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::context::Context;
use crate::process::captured;
use crate::tools;

const LIMIT: Duration = Duration::from_secs(120);
/// What a change is compared with: the first of these that the clone has.
const BASES: [&str; 4] = ["origin/main", "main", "origin/master", "master"];

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(program) = tools::buf(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("buf")));
    };
    let buf = |arguments: &[&str]| {
        captured(Command::new(&program).current_dir(context.root()).args(arguments), LIMIT)
    };
    buf(&["lint"]).context("the contracts break the rules in buf.yaml")?;
    buf(&["build", "--output", "/dev/null"])?;
    let git = |arguments: &[&str]| {
        captured(Command::new("git").current_dir(context.root()).args(arguments), LIMIT)
    };
    let has_contracts =
        |base: &&str| git(&["rev-parse", "--verify", "--quiet", &format!("{base}:proto")]).is_ok();
    let Some(base) = BASES.into_iter().find(has_contracts) else {
        println!("no main branch in this clone to compare the contracts with");
        return Ok(Outcome::Passed(2));
    };
    // An archive of the branch, as a clone may be shallow or bare of the objects that buf would ask.
    let archive = context.tools_dir().join(format!("contracts-{}.tar", std::process::id()));
    std::fs::create_dir_all(context.tools_dir())?;
    let path = archive.display().to_string();
    git(&["archive", "--format=tar", "--output", &path, base, "proto"])?;
    let compared = buf(&["breaking", "--against", &format!("{path}#subdir=proto")])
        .with_context(|| format!("the contracts break clients of {base}"));
    std::fs::remove_file(&archive)?;
    compared.map(|_| Outcome::Passed(3))
}
