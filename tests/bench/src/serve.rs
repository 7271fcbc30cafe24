//! How a worker says that it is ready, and how it learns that it should end.

use std::io::Read as _;
use std::thread;

use anyhow::{Context as _, Result};
use tokio::sync::oneshot;

/// Prints `ready`, and ends when standard input closes: when whoever started the process is done
/// with it, or is gone.
///
/// # Errors
/// When standard input cannot be read.
pub(crate) async fn until_input_closes() -> Result<()> {
    println!("ready");
    let (closed, input) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own threads when a worker fails.
    thread::spawn(move || {
        let read = std::io::stdin().read_to_end(&mut Vec::new());
        // Nobody listens any more if the worker has failed meanwhile.
        let _ = closed.send(read);
    });
    input
        .await
        .context("the thread that reads standard input has panicked")?
        .context("standard input cannot be read")?;
    Ok(())
}
