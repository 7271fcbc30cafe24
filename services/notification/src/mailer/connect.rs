//! Opening a connection to an SMTP server.

use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::{Server, Tls};

/// How long one address of the server may take to accept, so that a host whose IPv6 address leads
/// nowhere is still reached over IPv4 within the time of one mail.
const PER_ADDRESS: Duration = Duration::from_secs(3);
/// In order of preference; both send the password as it is, so TLS is what protects it.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A conversation with the server failed.
#[derive(Debug, Error)]
pub enum ConversationError {
    /// It did not begin.
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    /// The server said no, or what it said was not SMTP, or the connection broke.
    #[error(transparent)]
    Smtp(#[from] SmtpError),
}

/// What encryption needs, read once: the root certificates among it.
pub(super) fn tls_parameters(server: &Server) -> Result<Option<TlsParameters>, SmtpError> {
    match server.tls {
        Tls::Never => Ok(None),
        _ => TlsParameters::new(server.host.clone()).map(Some),
    }
}

/// Connects, encrypts and authenticates. There is no bound on the whole: the caller has one.
pub(super) async fn connect(
    server: &Server,
    tls: Option<&TlsParameters>,
) -> Result<AsyncSmtpConnection, ConversationError> {
    let Server {
        host,
        port,
        hello,
        credentials,
        ..
    } = server;
    let mut connection = match (server.tls, tls.cloned()) {
        (Tls::Implicit, parameters) => {
            let address = (host.as_str(), *port);
            let per_address = Some(PER_ADDRESS);
            AsyncSmtpConnection::connect_tokio1(address, per_address, hello, parameters, None)
                .await?
        }
        (mode, parameters) => {
            let stream = Box::new(tcp(host, *port).await?);
            let mut connection = AsyncSmtpConnection::connect_with_transport(stream, hello).await?;
            if let Some(parameters) = parameters
                && (mode == Tls::Required || connection.can_starttls())
            {
                connection.starttls(parameters, hello).await?;
            }
            connection
        }
    };
    if let Some(credentials) = credentials {
        connection.auth(&MECHANISMS, credentials).await?;
    }
    Ok(connection)
}

/// The end of a mail is a packet of its own, which would wait 40 ms for the delayed acknowledgement
/// of the one before unless Nagle's algorithm is off.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, port)).await? {
        match timeout(PER_ADDRESS, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}
