//! Connections to an SMTP server.
//!
//! lettre's own pool bounds only how many connections stay idle, and takes a connection back even
//! when sending was cut short by a timeout: the next mail would read the replies to the one before.
//! Here a connection comes back only after a mail that ended well; in every other case it is closed.

use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use parking_lot::Mutex;

use crate::config::{Server, Tls};

/// How long an idle connection is used again. Servers wait 5 minutes at least
/// ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), 4.5.3.2.7), the middle boxes between less.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// How long an idle connection may take to prove that it lives.
const PROBE: Duration = Duration::from_secs(2);
/// How long a server may take to answer a farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// In order of preference; both send the password as it is, so TLS is what protects it.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Idle connections to one server. The caller bounds how many are in use.
pub(super) struct Pool {
    server: Server,
    tls: Option<TlsParameters>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

// === impl Pool ===

impl Pool {
    /// No connection is made yet.
    pub(super) fn new(server: Server) -> Result<Self, SmtpError> {
        let tls = match server.tls {
            Tls::Never => None,
            _ => Some(TlsParameters::new(server.host.clone())?),
        };
        Ok(Self {
            server,
            tls,
            idle: Mutex::default(),
        })
    }

    /// Sends one mail. The future may be dropped at any point.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), SmtpError> {
        let mut connection = match self.idle_connection().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.send(envelope, mail).await?;
        self.idle.lock().push(Idle {
            connection,
            since: Instant::now(),
        });
        Ok(())
    }

    /// Takes leave on every idle connection.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        for mut idle in idle {
            // Politeness only: whatever the answer, dropping closes the connection.
            let _ = tokio::time::timeout(FAREWELL, idle.connection.quit()).await;
        }
    }

    async fn idle_connection(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut idle = self.idle.lock().pop()?;
            if idle.since.elapsed() > MAX_IDLE {
                // The last one in is the first one out, so those below are older still.
                self.idle
                    .lock()
                    .retain(|idle| idle.since.elapsed() <= MAX_IDLE);
                continue;
            }
            let probe = tokio::time::timeout(PROBE, idle.connection.test_connected());
            if probe.await == Ok(true) {
                return Some(idle.connection);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let Server {
            host,
            port,
            tls,
            hello,
            credentials,
        } = &self.server;
        let implicit = self.tls.clone().filter(|_| *tls == Tls::Implicit);
        let mut connection =
            // No timeout of its own: the caller bounds the whole.
            AsyncSmtpConnection::connect_tokio1((host.as_str(), *port), None, hello, implicit, None)
                .await?;
        if let Some(parameters) = self.tls.clone()
            && (*tls == Tls::Required || (*tls == Tls::Opportunistic && connection.can_starttls()))
        {
            connection.starttls(parameters, hello).await?;
        }
        if let Some(credentials) = credentials {
            connection.auth(&MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
