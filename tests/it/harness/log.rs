//! What a process writes, line by line, as it comes.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

use super::wait::{PATIENCE, within};

/// One output of one process. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<watch::Sender<Written>>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    ended: bool,
}

// === impl Log ===

impl Log {
    /// Reads to the end, in the background.
    pub(crate) fn follow(output: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while matches!(output.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                writer.0.send_modify(|written| written.lines.push(text));
                line.clear();
            }
            writer.0.send_modify(|written| written.ended = true);
        });
        log
    }

    /// All that was written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// The first line with `part`, once there is one.
    pub(crate) async fn line(&self, part: &str) -> String {
        let has = |written: &Written| {
            written.ended || written.lines.iter().any(|line| line.contains(part))
        };
        let mut changes = self.0.subscribe();
        let what = format!("a line with {part:?}");
        let written = within(&what, PATIENCE, changes.wait_for(has))
            .await
            .unwrap();
        let found = written.lines.iter().find(|line| line.contains(part));
        found
            .unwrap_or_else(|| panic!("it ended without {what}: {:#?}", written.lines))
            .clone()
    }

    /// Everything, once the process has closed its output.
    pub(crate) async fn all(&self) -> Vec<String> {
        let mut changes = self.0.subscribe();
        let ended = changes.wait_for(|written| written.ended);
        within("the end of the output", PATIENCE, ended)
            .await
            .unwrap()
            .lines
            .clone()
    }
}
