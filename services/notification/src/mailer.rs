//! Delivery: over SMTP, or captured.

use std::time::Duration;

use thiserror::Error;

use crate::config::Delivery;
use crate::mail::Letter;
use crate::mailbox::Mailbox;

mod availability;
mod connect;
mod pool;
mod reply;
mod smtp;

pub use connect::ConversationError;
pub use smtp::SmtpMailer;

/// Hands mails over.
#[derive(Debug)]
pub enum Mailer {
    /// Keeps them in memory for the development mailbox.
    Capture(Mailbox),
    /// Sends them to an SMTP server.
    Smtp(Box<SmtpMailer>),
}

/// A mail was not handed over.
#[derive(Debug, Error)]
pub enum MailerError {
    /// Every connection was busy for as long as a mail may take.
    #[error("the mail server is busy: no connection was free for {0:?}")]
    Busy(Duration),
    /// The server did not answer in time.
    #[error("the mail server did not finish within {0:?}")]
    Timeout(Duration),
    /// No connection, or none that speaks SMTP as it was configured.
    #[error("the mail server cannot be reached")]
    Unreachable(#[source] ConversationError),
    /// The server does not let this client in, which its operator can repair.
    #[error("the mail server does not accept the credentials of this service ({code})")]
    Credentials {
        /// The code of the reply.
        code: u16,
    },
    /// A reply of 400 to 499: not now.
    #[error("the mail server put the mail off ({code})")]
    Deferred {
        /// The code of the reply.
        code: u16,
        /// Its text, for the log.
        reply: String,
    },
    /// A reply of 500 to 599: never.
    #[error("the mail server refused the mail ({code})")]
    Rejected {
        /// The code of the reply.
        code: u16,
        /// Its text, for the log.
        reply: String,
    },
    /// The address needs SMTPUTF8 ([RFC 6531](https://www.rfc-editor.org/rfc/rfc6531)), which the server does not offer.
    #[error("the mail server does not take addresses with letters beyond ASCII")]
    ForeignAddress,
}

// === impl Mailer ===

impl Mailer {
    /// The mailer that the settings ask for.
    ///
    /// # Errors
    /// TLS cannot be set up, as where no root certificates are found.
    pub fn new(delivery: Delivery) -> Result<Self, lettre::transport::smtp::Error> {
        match delivery {
            Delivery::Capture => {
                tracing::info!("SMTP_URL is not set: mails are captured, not sent");
                Ok(Self::Capture(Mailbox::default()))
            }
            Delivery::Smtp(smtp) => Ok(Self::Smtp(Box::new(SmtpMailer::new(smtp)?))),
        }
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// See [`MailerError`]. The mail may have been sent nonetheless if the server's last reply was
    /// lost; its `Message-ID` is the same at the next try.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailerError> {
        // Built in both cases, so that development shows what production would do.
        let message = letter.message();
        match self {
            Self::Capture(mailbox) => {
                mailbox.capture(letter);
                Ok(())
            }
            Self::Smtp(smtp) => smtp.send(&message).await,
        }
    }

    /// Takes leave of the server. Mails that are under way are not awaited.
    pub async fn close(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.close().await;
        }
    }
}

// === impl MailerError ===

impl MailerError {
    /// Whether another try may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Rejected { .. } | Self::ForeignAddress)
    }

    /// Whether the server is the trouble rather than this mail.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Timeout(_) | Self::Unreachable(_) | Self::Credentials { .. } => {
                true
            }
            Self::Deferred { code, .. } => *code == reply::CLOSING,
            Self::Rejected { .. } | Self::ForeignAddress => false,
        }
    }

    /// What the server said, for the log.
    pub(crate) fn reply(&self) -> Option<&str> {
        match self {
            Self::Deferred { reply, .. } | Self::Rejected { reply, .. } => Some(reply),
            _ => None,
        }
    }
}
