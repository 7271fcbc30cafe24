//! Sending over SMTP.

use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::availability::Availability;
use super::pool::Pool;
use super::{MailerError, reply};
use crate::config::{Smtp, Tls};

/// Sends mails to one server, so many at once, each within a time.
#[derive(Debug)]
pub struct SmtpMailer {
    pool: Pool,
    slots: Semaphore,
    timeout: Duration,
    availability: Availability,
}

// === impl SmtpMailer ===

impl SmtpMailer {
    /// No connection is made before the first mail, so a server that is away stops no start.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: Smtp) -> Result<Self, SmtpError> {
        let Smtp {
            server,
            concurrency,
            timeout,
        } = config;
        let address = server.address();
        if server.tls == Tls::Never && server.credentials.is_some() {
            tracing::warn!(
                server = %address,
                "the SMTP password travels unencrypted; use smtps:// or ?tls=required"
            );
        }
        tracing::info!(server = %address, concurrency, "mails are sent over SMTP");
        Ok(Self {
            pool: Pool::new(server)?,
            slots: Semaphore::new(concurrency),
            timeout,
            availability: Availability::new(address),
        })
    }

    pub(super) async fn send(&self, message: &lettre::Message) -> Result<(), MailerError> {
        let result = self.attempt(message).await;
        match &result {
            Err(error) if error.is_outage() => self.availability.away(&with_source(error)),
            _ => self.availability.up(),
        }
        result
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn attempt(&self, message: &lettre::Message) -> Result<(), MailerError> {
        // Never closed, so the one failure is the timeout.
        let Ok(_slot) = timeout(self.timeout, self.slots.acquire()).await else {
            return Err(MailerError::Busy(self.timeout));
        };
        let envelope = message.envelope();
        let bytes = message.formatted();
        match timeout(self.timeout, self.pool.send(envelope, &bytes)).await {
            Ok(sent) => sent.map_err(|error| {
                let mut addresses = envelope.to().iter().chain(envelope.from());
                let ascii = addresses
                    .all(|address| address.user().is_ascii() && address.domain().is_ascii());
                reply::error(error, ascii)
            }),
            Err(_) => Err(MailerError::Timeout(self.timeout)),
        }
    }
}

/// An error with its cause, which says what was tried.
fn with_source(error: &MailerError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
