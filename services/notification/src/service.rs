//! The gRPC service.

use std::sync::Arc;
use std::time::SystemTime;

use chassis::call::CallId;
use lettre::message::Mailbox as Correspondent;
use proto::notification::v1::notification_service_server::NotificationService;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use thiserror::Error;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::config::Config;
use crate::error::SendError;
use crate::mail::{Letter, Mail, MessageId};
use crate::mailbox::Mailbox;
use crate::mailer::Mailer;
use crate::recent::{Outcome, Recent};
use crate::template::Templates;
use crate::{send_email, send_welcome};

/// Implements `notification.v1.NotificationService`. Clones share everything.
#[derive(Debug, Clone)]
pub struct Notifications {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    from: Correspondent,
    templates: Templates,
    mailer: Mailer,
    recent: Recent,
}

/// Which call a mail is sent for.
#[derive(Debug, Clone)]
struct Call {
    id: Option<CallId>,
    at: SystemTime,
    unique: Uuid,
}

/// The service cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A template is broken.
    #[error("a mail template is broken")]
    Template(#[from] minijinja::Error),
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up; are root certificates installed?")]
    Tls(#[from] lettre::transport::smtp::Error),
}

// === impl Notifications ===

impl Notifications {
    /// Compiles the templates and prepares delivery. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// A broken template, or TLS that cannot be set up. A mail server that is away is no error.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let inner = Inner {
            from: config.from,
            templates: Templates::new()?,
            mailer: Mailer::new(config.delivery)?,
            recent: Recent::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The captured mails, where mails are captured.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match &self.inner.mailer {
            Mailer::Capture(mailbox) => Some(mailbox),
            Mailer::Smtp(_) => None,
        }
    }

    /// Takes leave of the mail server, for the end of a soft stop.
    pub async fn close(&self) {
        self.inner.mailer.close().await;
    }

    async fn send(&self, mail: Mail, call: Call) -> Result<(), SendError> {
        let Inner {
            from,
            mailer,
            recent,
            ..
        } = &*self.inner;
        let domain = from.email.domain();
        let id = match &call.id {
            Some(CallId(event)) => MessageId::of_event(event, domain),
            None => MessageId::unique(call.unique, domain),
        };
        let letter = Letter {
            id,
            at: call.at,
            from: from.clone(),
            mail,
        };
        match recent.once(call.id.as_ref(), mailer.send(&letter)).await {
            Ok(Outcome::Handled) => tracing::info!(message_id = %letter.id, "mail sent"),
            Ok(Outcome::Duplicate) => {
                tracing::info!(message_id = %letter.id, "duplicate event dropped");
            }
            // An outage is logged once, when it begins, and not once per mail that waits.
            Err(error) if error.is_outage() => {
                tracing::debug!(message_id = %letter.id, "mail not sent: {error}");
                return Err(error.into());
            }
            Err(error) => {
                // The reply's text goes no further than this line.
                let reply = error.reply().unwrap_or_default();
                tracing::warn!(message_id = %letter.id, reply, "mail not sent: {error}");
                return Err(error.into());
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl NotificationService for Notifications {
    async fn send_email(&self, request: Request<SendEmailRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request);
        let mail = send_email::mail(request.get_ref());
        let sent = match mail {
            Ok(mail) => self.send(mail, call).await,
            Err(error) => Err(error),
        };
        sent.map(Response::new)
            .map_err(|error| error.into_status(send_email::field))
    }

    async fn send_welcome(
        &self,
        request: Request<SendWelcomeRequest>,
    ) -> Result<Response<()>, Status> {
        let call = Call::of(&request);
        let mail = send_welcome::mail(&self.inner.templates, request.get_ref());
        let sent = match mail {
            Ok(mail) => self.send(mail, call).await,
            Err(error) => Err(error),
        };
        sent.map(Response::new)
            .map_err(|error| error.into_status(send_welcome::field))
    }
}

// === impl Call ===

impl Call {
    fn of<T>(request: &Request<T>) -> Self {
        Self {
            id: request.extensions().get::<CallId>().cloned(),
            at: SystemTime::now(),
            unique: Uuid::now_v7(),
        }
    }
}
