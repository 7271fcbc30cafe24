//! The commands that containers are given, by compose.yaml and by the chart.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{File, LIMIT};
use crate::context::Context;
use crate::process::captured;

/// A command, and where it is written.
struct Given {
    place: String,
    words: Vec<String>,
}

/// A command taken apart: the program, its verbs, its options.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    program: &'a str,
    verbs: Vec<&'a str>,
    options: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    /// Verbs come before any option; an option may have a value, which is not looked at.
    fn of(words: &'a [String]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let option = |word: &&str| word.starts_with('-');
        let rest = || rest.iter().map(String::as_str);
        Some(Self {
            program,
            verbs: rest().take_while(|word| !option(word)).collect(),
            options: rest().filter(option).collect(),
        })
    }
}

/// The Dockerfile puts each program into the image.
pub(super) fn installed(context: &Context, file: &File) -> Result<()> {
    for (name, service) in &file.services {
        let Some(build) = &service.build else {
            continue;
        };
        let path = context.root().join(&build.context).join(&build.dockerfile);
        let dockerfile =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for Given { place, words } in given(context, file)? {
            let program = words.first().with_context(|| format!("{place} is empty"))?;
            let binary = format!("target/release/{program}");
            let found = dockerfile.split_whitespace().any(|word| word == binary);
            ensure!(
                found,
                "{place} runs {program}, which the image of {name} does not hold"
            );
        }
    }
    Ok(())
}

/// Each program, run natively, explains the verb and knows the options.
pub(super) fn taken(context: &Context, file: &File) -> Result<()> {
    let dir = match env::var_os("TROLLEYBUS_BIN_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => context.bin_dir("debug")?,
    };
    for Given { place, words } in given(context, file)? {
        let Parts {
            program,
            verbs,
            options,
        } = Parts::of(&words).with_context(|| format!("{place} is empty"))?;
        let mut command = Command::new(dir.join(program));
        command.args(&verbs).arg("--help");
        let help = captured(&mut command, LIMIT)
            .with_context(|| format!("{place} is not a command of {program}"))?;
        for option in options {
            ensure!(
                help.contains(option),
                "{place} has {option}, which `{words:?}` does not take"
            );
        }
    }
    Ok(())
}

/// Every command and health check of the platform's own containers.
fn given(context: &Context, file: &File) -> Result<Vec<Given>> {
    let mut all = Vec::new();
    for (name, service) in file
        .services
        .iter()
        .filter(|(_, service)| service.is_ours())
    {
        all.push(Given {
            place: format!("the command of {name} in compose.yaml"),
            words: service.command.clone(),
        });
        if let Some(check) = &service.healthcheck {
            all.push(Given {
                place: format!("the health check of {name} in compose.yaml"),
                words: check.test.iter().skip(1).cloned().collect(),
            });
        }
    }
    let path = context.root().join("helm/trolleybus/values.yaml");
    let values =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let values: Value = yaml_serde::from_str(&values)?;
    for group in ["services", "jobs"] {
        for (name, component) in values[group].as_object().into_iter().flatten() {
            let words: Vec<String> = serde_json::from_value(component["command"].clone())
                .with_context(|| format!("{group}.{name}.command of the chart"))?;
            all.push(Given {
                place: format!("{group}.{name}.command of the chart"),
                words,
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_apart() {
        let words = ["p", "keys", "generate", "--out", "/x"].map(str::to_owned);
        let parts = Parts::of(&words).unwrap();
        assert_eq!(parts.program, "p");
        assert_eq!(parts.verbs, ["keys", "generate"]);
        assert_eq!(parts.options, ["--out"]);
        assert_eq!(Parts::of(&[]), None);
    }
}
