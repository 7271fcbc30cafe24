//! A platform under test, whatever it is made of.

use std::sync::Arc;
#[cfg(feature = "real")]
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use token::{AccessSigner, RefreshKeys};

use super::client::Client;
use super::database::Database;
use super::process::{Process, succeed};
#[cfg(feature = "real")]
use super::processes::Processes;
use super::standalone::Standalone;
use super::wait::{PATIENCE, eventually};

/// A platform that is ready. Dropping it ends its processes.
pub(crate) struct Platform {
    /// Speaks to the gateway.
    pub(crate) client: Client,
    /// The user service's own port, as a URL.
    pub(crate) user: String,
    /// The notification service's own port, as a URL.
    pub(crate) notification: String,
    /// The key that access tokens are signed with.
    pub(crate) signer: AccessSigner,
    /// The keys that refresh tokens are sealed with.
    pub(crate) refresh_keys: RefreshKeys,
    pub(crate) parts: Parts,
}

/// What a platform is made of.
pub(crate) enum Parts {
    Standalone(Box<Standalone>),
    #[cfg(feature = "real")]
    Processes(Box<Processes>),
}

/// What every platform is started with: logs that tell more than in production.
pub(crate) const LOGS: (&str, &str) = ("LOG_LEVEL", "debug");

/// A mail that came out of the platform.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// The recipient.
    pub(crate) to: String,
    /// The whole of it.
    pub(crate) text: String,
}

// === impl Platform ===

impl Platform {
    /// One process on embedded parts.
    pub(crate) async fn standalone() -> Self {
        Standalone::in_new_folder(&[]).await
    }

    /// Three processes on real servers. Topics and groups are shared, so there is one at a time.
    #[cfg(feature = "real")]
    pub(crate) async fn processes() -> Self {
        Processes::start(&[]).await
    }

    /// The mails to one address so far.
    pub(crate) async fn mails_to(&self, email: &str) -> Vec<Mail> {
        let mut mails: Vec<Mail> = match &self.parts {
            Parts::Standalone(_) => {
                let mailbox = self.client.get("/dev/mailbox.json").await;
                let mailbox: serde_json::Value = serde_json::from_slice(&mailbox.body).unwrap();
                let read = |mail: &serde_json::Value| Mail {
                    to: mail["to"].as_str().unwrap().to_owned(),
                    text: mail.to_string(),
                };
                mailbox.as_array().unwrap().iter().map(read).collect()
            }
            #[cfg(feature = "real")]
            Parts::Processes(processes) => processes.sink.mails(),
        };
        mails.retain(|mail| mail.to.contains(email));
        mails
    }

    /// The first mail to an address, once there is one.
    pub(crate) async fn mail_to(&self, email: &str) -> Mail {
        let mut look = async || self.mails_to(email).await.into_iter().next();
        eventually(&format!("a mail to {email}"), PATIENCE, &mut look)
            .await
            .0
    }

    /// Its accounts, read with nothing of the platform's own.
    pub(crate) async fn database(&self) -> Database {
        match &self.parts {
            Parts::Standalone(standalone) => {
                let file = standalone.dir.path().join("user.db");
                Database::connect(&format!("sqlite://{}?mode=ro", file.display())).await
            }
            #[cfg(feature = "real")]
            Parts::Processes(processes) => Database::connect(&processes.database_url).await,
        }
    }

    /// A token for internal methods: from the command of standalone, elsewhere from the key.
    pub(crate) async fn service_token(&self) -> String {
        match &self.parts {
            Parts::Standalone(standalone) => {
                let env = [("DATA_DIR", standalone.dir.path().display().to_string())];
                succeed("trolleybus", &["service-token"], &env)
                    .await
                    .trim()
                    .to_owned()
            }
            #[cfg(feature = "real")]
            Parts::Processes(_) => {
                let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
                self.signer.issue_service("e2e", now, minute).unwrap()
            }
        }
    }

    /// The folder of a platform that has one.
    pub(crate) fn folder(&self) -> Option<Arc<TempDir>> {
        match &self.parts {
            Parts::Standalone(standalone) => Some(Arc::clone(&standalone.dir)),
            #[cfg(feature = "real")]
            Parts::Processes(_) => None,
        }
    }

    /// Its processes, the gateway's first.
    pub(crate) fn all(&mut self) -> Vec<&mut Process> {
        match &mut self.parts {
            Parts::Standalone(standalone) => vec![&mut standalone.process],
            #[cfg(feature = "real")]
            Parts::Processes(processes) => processes.all(),
        }
    }
}
