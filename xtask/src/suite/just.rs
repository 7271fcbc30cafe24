//! The justfile: it parses, is formatted, and every recipe resolves.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use crate::context::Context;
use crate::process::captured;
use crate::tools;

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(program) = tools::just(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("just")));
    };
    let just = |arguments: &[&str]| {
        captured(Command::new(&program).current_dir(context.root()).args(arguments), LIMIT)
    };
    just(&["--fmt", "--check", "--unstable"])
        .context("the justfile is not formatted; run: just --fmt --unstable")?;
    let recipes = just(&["--summary"])?;
    let recipes: Vec<&str> = recipes.split_whitespace().collect();
    ensure!(!recipes.is_empty(), "the justfile has no recipe");
    for recipe in &recipes {
        just(&["--dry-run", recipe]).with_context(|| format!("the recipe {recipe}"))?;
    }
    Ok(Outcome::Passed(1 + recipes.len()))
}
