//! The commands of a Markdown file.
//!
//! | Comment before a block of `sh` | What it means |
//! |---|---|
//! | none | run it; it must succeed |
//! | `<!-- readme: background until "A" "B" -->` | a terminal of its own; go on when it printed all of these |
//! | `<!-- readme: run by ci -->` | not run here; CI must have each line as its own |
//! | `<!-- readme: not run: REASON -->` | only has to parse |
//!
//! `<!-- readme: stop -->` by itself is Ctrl-C in every terminal, and `<!-- readme: prints -->` before any
//! other block says that the commands before it print just that, where `…` stands for anything.

use anyhow::{Result, bail, ensure};

const COMMENT: &str = "<!-- readme: ";

/// What is special about a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum How {
    Run,
    /// In a terminal of its own, until all these texts were printed.
    Background { until: Vec<String> },
    Stop,
    Ci,
    NotRun { reason: String },
}

/// Commands that are run together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where they begin, from 1.
    pub(super) line: usize,
    pub(super) how: How,
    pub(super) commands: String,
    /// What they are said to print.
    pub(super) prints: Option<String>,
}

/// What a comment announces.
enum Mark {
    Next(How),
    Prints,
}

/// The blocks of a file, in order.
///
/// # Errors
/// A comment that is not known or announces nothing, or a block that does not end.
pub(super) fn parse(text: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut mark = None;
    let mut lines = text.lines().zip(1..);
    while let Some((content, line)) = lines.next() {
        if let Some(comment) = content.strip_prefix(COMMENT) {
            ensure!(mark.is_none(), "README.md line {line}: a comment follows another");
            mark = match comment.trim_end_matches("-->").trim() {
                "stop" => {
                    let commands = String::new();
                    blocks.push(Block { line, how: How::Stop, commands, prints: None });
                    None
                }
                "prints" => Some(Mark::Prints),
                other => Some(Mark::Next(how(other, line)?)),
            };
        } else if let Some(language) = content.strip_prefix("```") {
            let mut body = Vec::new();
            loop {
                match lines.next() {
                    Some(("```", _)) => break,
                    Some((content, _)) => body.push(content),
                    None => bail!("README.md line {line}: the block does not end"),
                }
            }
            let body = body.join("\n");
            match (mark.take(), language) {
                (None, "sh") => blocks.push(Block::new(line, How::Run, body)),
                (Some(Mark::Next(how)), "sh") => blocks.push(Block::new(line, how, body)),
                (Some(Mark::Prints), language) if language != "sh" => match blocks.last_mut() {
                    Some(block) if block.how == How::Run => block.prints = Some(body),
                    _ => bail!("README.md line {line}: no commands before print this"),
                },
                (Some(_), _) => bail!("README.md line {line}: the comment is for another block"),
                (None, _) => {}
            }
        }
    }
    ensure!(mark.is_none(), "README.md ends with a comment that announces nothing");
    Ok(blocks)
}

fn how(comment: &str, line: usize) -> Result<How> {
    if comment == "run by ci" {
        return Ok(How::Ci);
    }
    if let Some(reason) = comment.strip_prefix("not run: ") {
        return Ok(How::NotRun { reason: reason.to_owned() });
    }
    if let Some(texts) = comment.strip_prefix("background until ") {
        let until: Vec<String> = texts.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        ensure!(!until.is_empty(), "README.md line {line}: until what?");
        return Ok(How::Background { until });
    }
    bail!("README.md line {line}: an unknown comment: {comment}")
}

impl Block {
    fn new(line: usize, how: How, commands: String) -> Self {
        Self { line, how, commands, prints: None }
    }
}

/// Whether `printed` is `expected`, in which `…` stands for anything.
pub(super) fn matches(expected: &str, printed: &str) -> bool {
    let printed = printed.trim();
    let mut parts = expected.trim().split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_what_is_special_about_them() {
        let text = "# A\n```sh\nls\n```\n<!-- readme: prints -->\n```text\nb\n```\n\
                    <!-- readme: background until \"up\" \"x y\" -->\n```sh\nserve\n```\n\
                    ```json\n{}\n```\n<!-- readme: stop -->\n\
                    <!-- readme: not run: no cluster -->\n```sh\nhelm\n```\n\
                    <!-- readme: run by ci -->\n```sh\ntest\n```\n";
        let blocks = parse(text).unwrap();
        let until = vec!["up".to_owned(), "x y".to_owned()];
        let hows: Vec<&How> = blocks.iter().map(|block| &block.how).collect();
        assert_eq!(
            hows,
            [
                &How::Run,
                &How::Background { until },
                &How::Stop,
                &How::NotRun { reason: "no cluster".to_owned() },
                &How::Ci
            ]
        );
        assert_eq!((blocks[0].line, blocks[0].commands.as_str()), (2, "ls"));
        assert_eq!(blocks[0].prints.as_deref(), Some("b"));
    }

    #[test]
    fn a_comment_that_says_nothing_useful_is_refused() {
        for text in [
            "<!-- readme: bakground -->\n```sh\n```\n",
            "<!-- readme: background until x -->\n```sh\n```\n",
            "<!-- readme: run by ci -->\n",
            "<!-- readme: prints -->\n```text\n```\n",
            "<!-- readme: run by ci -->\n```json\n```\n",
            "```sh\nls\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(matches("a", "a\n") && !matches("a", "ab"));
        assert!(matches("{\"id\":\"…\",\"n\":1}", "{\"id\":\"x\",\"n\":1}\n"));
        assert!(matches("a…b…c", "a1b2b3c") && !matches("a…b…c", "a1c"));
        assert!(!matches("a…b", "ab b c") && matches("…b", "b"));
    }
}
