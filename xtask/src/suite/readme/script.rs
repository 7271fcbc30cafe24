//! One script of all blocks.

use std::path::{Path, PathBuf};

use super::blocks::{Block, How};

/// `terminal FILE BLOCK` runs a block in a process group of its own, `await_text` waits for what it
/// prints, and `close_terminals` is Ctrl-C in all of them.
const HEAD: &str = r#"set -euo pipefail
set -m
terminals=()
terminal() {
    : > "$1"
    bash -euo pipefail -c "$2" > "$1" 2>&1 &
    terminals+=($!)
}
await_text() {
    until grep -qF -- "$2" "$1"; do
        if ! kill -0 "${terminals[-1]}" 2> /dev/null; then
            echo "it ended before it printed: $2"
            tail -n 20 "$1"
            exit 1
        fi
        sleep 0.1
    done
}
close_terminals() {
    local group
    for group in "${terminals[@]}"; do
        kill -INT -- "-$group" 2> /dev/null || true
    done
    for group in "${terminals[@]}"; do
        wait "$group" 2> /dev/null || true
    done
    terminals=()
}
clean_up() {
    close_terminals
    cargo xtask infra down --purge
}
trap clean_up EXIT
"#;

/// The file that a block's standard output goes to.
pub(super) fn output(outputs: &Path, block: &Block) -> PathBuf {
    outputs.join(format!("line-{}.out", block.line))
}

/// The script, to be run by bash. Messages of its own go to its output; those of terminals and what
/// blocks print to files in `outputs`.
pub(super) fn write(blocks: &[Block], clone: &Path, outputs: &Path) -> String {
    let mut text = HEAD.to_owned();
    let mut line = |content: &str| {
        text.push_str(content);
        text.push('\n');
    };
    line(&format!("cd {}", quoted(&clone.display().to_string())));
    line("exec 3>&1");
    for block in blocks {
        let file = quoted(&output(outputs, block).display().to_string());
        match &block.how {
            How::Run => {
                line(&format!("echo 'README.md line {}' >&3", block.line));
                line(&format!("exec > {file}"));
                line(&block.commands);
                line("exec >&3");
            }
            How::Background { until } => {
                line(&format!("echo 'README.md line {}' >&3", block.line));
                line(&format!("terminal {file} {}", quoted(&block.commands)));
                for wanted in until {
                    line(&format!("await_text {file} {}", quoted(wanted)));
                }
            }
            How::Stop => line("close_terminals"),
            How::Ci | How::NotRun { .. } => {}
        }
    }
    text
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    let mut word = String::from("'");
    for part in text.chars() {
        match part {
            '\'' => word.push_str(r"'\''"),
            other => word.push(other),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::readme::blocks::parse;

    #[test]
    fn text_for_the_shell_is_one_word() {
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
    }

    #[test]
    fn blocks_become_commands_in_order() {
        let text = "<!-- readme: background until \"up\" -->\n```sh\nserve\n```\n```sh\nls\n```\n\
                    <!-- readme: stop -->\n<!-- readme: run by ci -->\n```sh\nnever\n```\n";
        let script = write(&parse(text).unwrap(), Path::new("/c"), Path::new("/o"));
        let body = script.split_once("exec 3>&1\n").unwrap().1;
        let expected = "echo 'README.md line 2' >&3\nterminal '/o/line-2.out' 'serve'\n\
                        await_text '/o/line-2.out' 'up'\necho 'README.md line 5' >&3\n\
                        exec > '/o/line-5.out'\nls\nexec >&3\nclose_terminals\n";
        assert_eq!(body, expected);
    }
}
