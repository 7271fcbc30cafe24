//! Relative links of Markdown files: to files that exist, and to headings that they have.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;
use crate::process::captured;

/// Checks every Markdown file that git knows or would know, and says how many links there are.
pub(super) fn check(context: &Context) -> Result<usize> {
    let mut git = Command::new("git");
    git.current_dir(context.root());
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]);
    let files = captured(&mut git, Duration::from_secs(60))?;
    let mut count = 0;
    let mut faults = Vec::new();
    for name in files.lines() {
        let path = context.root().join(name);
        // A file that was deleted and not committed is still listed.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for link in relative(&text) {
            count += 1;
            if let Err(fault) = follow(&path, &text, link) {
                faults.push(format!("{name}: {link}: {fault}"));
            }
        }
    }
    ensure!(faults.is_empty(), "links lead nowhere:\n{}", faults.join("\n"));
    Ok(count)
}

fn follow(from: &Path, text: &str, link: &str) -> Result<()> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        ensure!(anchors(text).any(|found| found == anchor), "no such heading");
        return Ok(());
    }
    let target = from.parent().context("a file without a folder")?.join(file);
    ensure!(target.exists(), "no such file");
    if !anchor.is_empty() {
        let text = fs::read_to_string(&target)?;
        ensure!(anchors(&text).any(|found| found == anchor), "no such heading");
    }
    Ok(())
}

/// The lines that are not in fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The targets of links that name no scheme.
fn relative(text: &str) -> impl Iterator<Item = &str> {
    let targets = prose(text).flat_map(|line| {
        line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
    });
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// What headings are called in links: lower case, hyphens for spaces, no punctuation.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = prose(text).filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_of_blocks_are_found() {
        let text = "[a](b.md#c), [d](https://e)\n```\n[f](g)\n```\n[h](#i)";
        assert_eq!(relative(text).collect::<Vec<_>>(), ["b.md#c", "#i"]);
    }

    #[test]
    fn headings_are_named_as_links_name_them() {
        let text = "# What's `new`?\n```\n# no\n```\n## On REST, gRPC";
        assert_eq!(anchors(text).collect::<Vec<_>>(), ["whats-new", "on-rest-grpc"]);
    }

    #[test]
    fn a_link_to_nothing_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let (from, text) = (dir.path().join("a.md"), "# Here");
        fs::write(dir.path().join("b.md"), "# There").unwrap();
        for good in ["b.md", "b.md#there", "#here"] {
            assert!(follow(&from, text, good).is_ok(), "{good}");
        }
        for bad in ["c.md", "b.md#here", "#there"] {
            assert!(follow(&from, text, bad).is_err(), "{bad}");
        }
    }
}
