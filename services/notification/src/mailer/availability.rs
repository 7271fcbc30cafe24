//! Whether the server was last seen up. Each change is logged once, here.

use std::sync::atomic::{AtomicBool, Ordering};

/// The state of one server. It says nothing about readiness: mails wait while it is away.
#[derive(Debug)]
pub(super) struct Availability {
    server: String,
    away: AtomicBool,
}

// === impl Availability ===

impl Availability {
    pub(super) fn new(server: String) -> Self {
        Self {
            server,
            away: AtomicBool::new(false),
        }
    }

    pub(super) fn up(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(server = %self.server, "the mail server is back");
        }
    }

    pub(super) fn away(&self, why: &str) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(server = %self.server, "mails wait: {why}");
        }
    }
}
