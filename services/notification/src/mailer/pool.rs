//! Idle connections to an SMTP server.
//!
//! lettre's own pool bounds only how many connections stay idle, and takes a connection back even
//! when sending was cut short by a timeout: the next mail would read the replies to the one before.
//! Here a connection comes back only after a mail that ended well; in every other case it is closed.

use std::fmt;
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::connect::{ConversationError, connect, tls_parameters};
use crate::config::Server;

/// How long an idle connection is used again. Servers wait 5 minutes at least
/// ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), 4.5.3.2.7), the middle boxes between less.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// How long an idle connection may take to prove that it lives.
const PROBE: Duration = Duration::from_secs(2);
/// How long a server may take to answer a farewell.
const FAREWELL: Duration = Duration::from_secs(1);

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
        Ok(Self {
            tls: tls_parameters(&server)?,
            server,
            idle: Mutex::default(),
        })
    }

    /// Sends one mail. The future may be dropped at any point.
    pub(super) async fn send(
        &self,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<(), ConversationError> {
        let mut connection = match self.reuse().await {
            Some(connection) => connection,
            None => connect(&self.server, self.tls.as_ref()).await?,
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
            let _ = timeout(FAREWELL, idle.connection.quit()).await;
        }
    }

    /// An idle connection that lives. The last one in is the first one out, so that the others
    /// grow old and are closed.
    async fn reuse(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut idle = {
                let mut idle = self.idle.lock();
                idle.retain(|idle| idle.since.elapsed() <= MAX_IDLE);
                idle.pop()?
            };
            if timeout(PROBE, idle.connection.test_connected()).await == Ok(true) {
                return Some(idle.connection);
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
