//! The suite `compose`: compose.yaml, .env.example, the Dockerfile and the commands that they and
//! the chart give to containers fit each other and the programs.

mod commands;
mod file;
mod settings;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::file::File;
use super::Outcome;
use crate::context::Context;
use crate::process::{captured, find};

const LIMIT: Duration = Duration::from_secs(60);

/// One thing that has to hold.
type Case = (&'static str, fn(&Context, &File) -> Result<()>);

const CASES: [Case; 9] = [
    ("docker_compose_takes_the_file", engine),
    ("dependencies_exist_and_can_be_waited_for", |_, file| {
        file.dependencies()
    }),
    ("everything_that_runs_on_has_a_health_check", |_, file| {
        file.health()
    }),
    (
        "ports_are_published_on_the_loopback_address_alone",
        |_, file| file.ports(),
    ),
    ("volumes_are_declared", |_, file| file.volumes()),
    ("the_platforms_containers_have_no_privilege", |_, file| {
        file.privilege()
    }),
    (
        "the_example_environment_shows_every_default",
        |context, file| settings::example(context, file),
    ),
    ("the_image_holds_every_program", commands::installed),
    (
        "every_command_is_one_that_the_programs_take",
        commands::taken,
    ),
];

/// Runs every case and reports all that fail.
///
/// # Errors
/// When the file cannot be read or a case fails.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let file = File::read(&context.root().join("compose.yaml"))?;
    let failures: Vec<String> = CASES
        .iter()
        .filter_map(|(name, case)| {
            let error = case(context, &file).err()?;
            Some(format!("{name}: {error:#}"))
        })
        .collect();
    if !failures.is_empty() {
        bail!(
            "{} of the checks failed\n{}",
            failures.len(),
            failures.join("\n")
        );
    }
    Ok(Outcome::Passed(CASES.len()))
}

/// Where Docker's own reader is installed, it has the last word on the format. The other cases read
/// the file by themselves, so that they hold without it.
fn engine(context: &Context, _: &File) -> Result<()> {
    let plugin = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command
            .arg("compose")
            .args(arguments)
            .current_dir(context.root());
        captured(&mut command, LIMIT)
    };
    if find("docker").is_none() || plugin(&["version"]).is_err() {
        eprintln!("docker compose is not installed: its own reading of compose.yaml is left out");
        return Ok(());
    }
    let shown = plugin(&["--env-file", ".env.example", "config", "--quiet"]);
    shown.map(drop).context("`docker compose config`")
}
