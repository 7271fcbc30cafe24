//! Writing lines that others wait for.

use std::io::Write as _;

use chassis::health::{Health, State};
use tracing_subscriber::EnvFilter;

use crate::report::Line;

/// Writes a line at once.
///
/// # Errors
/// Nobody reads any more.
pub fn say(line: &Line) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(())
}

/// Says when the process becomes ready and when it ceases to be. Ends when nobody reads any more.
///
/// # Errors
/// Nobody reads any more.
pub async fn follow(health: Health) -> anyhow::Result<()> {
    let mut changes = health.subscribe();
    let mut said: Option<bool> = None;
    loop {
        let states = changes.borrow_and_update().clone();
        let down = states.iter().find_map(|(name, state)| match state {
            State::Up => None,
            State::Down(reason) => Some(format!("{name}: {reason}")),
        });
        if said != Some(down.is_none()) {
            said = Some(down.is_none());
            say(&down.map_or(Line::Ready, |reason| Line::Unready { reason }))?;
        }
        changes.changed().await?;
    }
}

/// Sends logs to standard error; `LOG_LEVEL` says which.
pub fn logs() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!(
            "librdkafka=off,rdkafka=off,{level}"
        )))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
