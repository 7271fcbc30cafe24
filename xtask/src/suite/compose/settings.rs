//! The variables of compose.yaml, and .env.example, which shows each with its default.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use super::File;
use crate::context::Context;

/// Both have the same names and the same defaults.
pub(super) fn example(context: &Context, file: &File) -> Result<()> {
    let path = context.root().join(".env.example");
    let example =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let used = variables(&file.text)?;
    let shown = assignments(&example)?;
    ensure!(
        used == shown,
        "compose.yaml has {used:?}\n.env.example has {shown:?}"
    );
    Ok(())
}

/// Each `${NAME:-default}` of a text. One without a default would stop whoever has no .env.
fn variables(text: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for part in text.split("${").skip(1) {
        let (inner, _) = part.split_once('}').context("a variable without its end")?;
        let (name, default) = inner
            .split_once(":-")
            .with_context(|| format!("{inner} has no default"))?;
        let before = found.insert(name.to_owned(), default.to_owned());
        if before.is_some_and(|before| before != default) {
            bail!("{name} has two defaults");
        }
    }
    Ok(found)
}

/// Each `NAME=value` line of a text.
fn assignments(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("bad line {line}"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_with_their_defaults() {
        let found = variables("a: ${A:-1}:2\nb: x://${B:-y z}/${A:-1}").unwrap();
        let expected = [("A", "1"), ("B", "y z")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
        assert!(variables("${A}").is_err());
        assert!(variables("${A:-1} ${A:-2}").is_err());
    }

    #[test]
    fn assignments_keep_what_follows_the_first_sign() {
        let found = assignments("# why\n\nA=b=c\n").unwrap();
        assert_eq!(found["A"], "b=c");
        assert!(assignments("A\n").is_err());
    }
}
