//! TLS of the gateway's own port.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, version};

use crate::certificate::{Certificate, Files};

/// What connections are accepted with.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Certificate,
}

// === impl Tls ===

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub fn read(files: Files) -> Result<Self, String> {
        let certificate = Certificate::read(files)?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| error.to_string())?;
        let config = config.with_no_client_auth();
        let mut config = config.with_cert_resolver(certificate.for_clients());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
        })
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// What is shown to clients.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}
