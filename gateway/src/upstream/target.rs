//! Where a server is, and how its connection is made.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

use super::UpstreamError;
use crate::certificate::Certificate;

/// The protocol, as TLS names it (RFC 7301; RFC 9113, 3.2).
const ALPN: &[u8] = b"h2";

/// How long a connection may be silent before the system asks whether the other end is there, and how
/// often it asks then. Not HTTP/2's own ping: gRPC servers close the connections of clients that ping
/// more often than every five minutes (gRFC A8).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_AGAIN: Duration = Duration::from_secs(10);

/// How long what was sent may stay unacknowledged before the connection counts as lost.
#[cfg(target_os = "linux")]
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(20);

/// How servers with TLS are believed, and what they are shown.
#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// Who may vouch for them, in PEM; the system's roots without it.
    pub ca: Option<Vec<u8>>,
    /// What is shown to those that ask who calls.
    pub certificate: Option<Certificate>,
}

/// Where a server is, and by whom it is believed.
#[derive(Clone)]
pub(crate) struct Target {
    scheme: Scheme,
    authority: Authority,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    names: Names,
}

/// How names become addresses.
#[derive(Clone)]
enum Names {
    /// As the system does it.
    System,
    /// These are the addresses of every name.
    #[cfg(test)]
    Fixed(Arc<parking_lot::Mutex<Vec<SocketAddr>>>),
}

/// The bytes of a connection, in the clear or over TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

// === impl Target ===

impl Target {
    /// The server at `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// The roots or the name cannot be used.
    pub(crate) fn new(uri: &Uri, tls: &UpstreamTls) -> Result<Self, UpstreamError> {
        let authority = uri.authority().cloned();
        let authority = authority.ok_or_else(|| UpstreamError::Name(uri.to_string()))?;
        let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTP);
        let tls = if scheme == Scheme::HTTPS {
            let name = ServerName::try_from(host(&authority).to_owned())
                .map_err(|_| UpstreamError::Name(authority.host().to_owned()))?;
            Some((connector(tls)?, name))
        } else {
            None
        };
        Ok(Self {
            scheme,
            authority,
            tls,
            names: Names::System,
        })
    }

    /// A server at these addresses, whatever its name.
    #[cfg(test)]
    pub(super) fn at(addresses: &Arc<parking_lot::Mutex<Vec<SocketAddr>>>) -> Self {
        Self {
            scheme: Scheme::HTTP,
            authority: Authority::from_static("server.example:50051"),
            tls: None,
            names: Names::Fixed(Arc::clone(addresses)),
        }
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The whole address of a path on this server.
    pub(super) fn uri(&self, path: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        let path = path.path_and_query().cloned();
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        // All three parts are there, which is all that is asked of them.
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// The addresses that its name has now, the preferred ones first.
    pub(super) async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.names {
            Names::System => {
                let default = if self.tls.is_some() { 443 } else { 80 };
                let port = self.authority.port_u16().unwrap_or(default);
                let found = tokio::net::lookup_host((host(&self.authority), port));
                Ok(found.await?.collect())
            }
            #[cfg(test)]
            Names::Fixed(addresses) => Ok(addresses.lock().clone()),
        }
    }

    /// Makes a connection to one of its addresses, which speaks HTTP/2.
    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        watch(&stream)?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let stream = connector.connect(name.clone(), stream).await?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        Ok(Box::new(stream))
    }
}

/// Without the brackets of an IPv6 address.
fn host(authority: &Authority) -> &str {
    authority.host().trim_matches(['[', ']'])
}

/// Has the system notice that the other end is gone.
fn watch(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE_AGAIN);
    socket.set_tcp_keepalive(&keep_alive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(ACKNOWLEDGE_TIMEOUT))?;
    Ok(())
}

fn connector(tls: &UpstreamTls) -> Result<TlsConnector, UpstreamError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| UpstreamError::Roots(error.to_string()))?;
                let added = roots.add(certificate);
                added.map_err(|error| UpstreamError::Roots(error.to_string()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            // Of hundreds some may be too old to be read.
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(UpstreamError::Roots("there are none".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| UpstreamError::Roots(error.to_string()))?;
    let config = config.with_root_certificates(roots);
    let mut config = match &tls.certificate {
        Some(certificate) => config.with_client_cert_resolver(certificate.for_servers()),
        None => config.with_no_client_auth(),
    };
    if tls.certificate.is_some() {
        // A session that is resumed has the certificate that it was begun with, renewed or not.
        config.resumption = Resumption::disabled();
    }
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::new(&Uri::try_from(uri).unwrap(), &UpstreamTls::default()).unwrap()
    }

    #[test]
    fn a_path_is_asked_of_the_server() {
        let path = Uri::from_static("/a.v1.A/B");
        for (server, uri) in [
            ("http://localhost:9090", "http://localhost:9090/a.v1.A/B"),
            ("http://localhost:9090/", "http://localhost:9090/a.v1.A/B"),
            ("http://[::1]:9090", "http://[::1]:9090/a.v1.A/B"),
            ("http://localhost", "http://localhost/a.v1.A/B"),
        ] {
            assert_eq!(target(server).uri(&path), uri);
        }
        assert_eq!(host(&Authority::from_static("[::1]:80")), "::1");
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        let uri = Uri::from_static("https://localhost");
        for pem in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let tls = UpstreamTls {
                ca: Some(pem.into()),
                certificate: None,
            };
            let refused = Target::new(&uri, &tls).unwrap_err();
            assert!(matches!(refused, UpstreamError::Roots(_)), "{refused}");
        }
    }
}
