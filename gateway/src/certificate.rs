//! A certificate of the gateway's, which it shows to clients or to upstreams. Its files are read again
//! while the process runs, so that one that is renewed is used without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chassis::shutdown::Shutdown;
use parking_lot::RwLock;
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// How often the files are looked at. Certificates are renewed weeks before they end.
const READ_EVERY: Duration = Duration::from_secs(30);

/// The files of a certificate and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate and its key, the last that could be read. Clones share it.
#[derive(Clone)]
pub struct Certificate {
    current: Arc<Current>,
    files: Files,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

// === impl Certificate ===

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub fn read(files: Files) -> Result<Self, String> {
        let current = Arc::new(Current(RwLock::new(Arc::new(certified(&files)?))));
        Ok(Self { current, files })
    }

    /// Shows it to clients.
    pub(crate) fn for_clients(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as _
    }

    /// Shows it to servers that ask for one.
    pub(crate) fn for_servers(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::clone(&self.current) as _
    }

    /// Reads the files again from time to time, until the stop.
    pub async fn follow(self, shutdown: Shutdown) {
        let mut told = String::new();
        while shutdown.sleep(READ_EVERY).await {
            match self.reread() {
                Ok(true) => tracing::info!("a new certificate is in use"),
                Ok(false) => told.clear(),
                // The old one goes on; once is enough to say so.
                Err(problem) if problem == told => {}
                Err(problem) => {
                    tracing::error!("the new certificate cannot be used: {problem}");
                    told = problem;
                }
            }
        }
    }

    /// Reads the files again: whether there is another certificate than before, which is shown from now
    /// on.
    ///
    /// # Errors
    /// What is wrong with the files. The certificate is then the one it was.
    pub fn reread(&self) -> Result<bool, String> {
        let new = certified(&self.files)?;
        if new.cert == self.current.0.read().cert {
            return Ok(false);
        }
        *self.current.0.write() = Arc::new(new);
        Ok(true)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // There is one. A server that does not want it says so more clearly than we could.
        Some(Arc::clone(&self.0.read()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(files: &Files) -> Result<CertifiedKey, String> {
    let at =
        |path: &Path, problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| at(path, &error));
    let certificates = CertificateDer::pem_slice_iter(&bytes(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| at(&files.certificate, &error))?;
    if certificates.is_empty() {
        return Err(at(&files.certificate, &"holds no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?)
        .map_err(|_| at(&files.key, &"holds no private key in PEM"))?;
    let key = ring::sign::any_supported_type(&key).map_err(|_| {
        at(
            &files.key,
            &"is of a kind that is not supported: use ECDSA, Ed25519 or RSA",
        )
    })?;
    let certified = CertifiedKey::new(certificates, key);
    certified
        .keys_match()
        .map_err(|_| at(&files.key, &"is not the key of the certificate"))?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn folder(name: &str) -> (Folder, Files) {
        let folder = std::env::temp_dir().join(format!("tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = Files {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
        };
        (Folder(folder), files)
    }

    fn write(files: &Files) {
        let made = rcgen::generate_simple_self_signed(["gateway.example".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_used_and_one_that_is_broken_is_not() {
        let (_folder, files) = folder("renewed");
        write(&files);
        let certificate = Certificate::read(files.clone()).unwrap();
        assert_eq!(certificate.reread(), Ok(false));
        write(&files);
        assert_eq!(certificate.reread(), Ok(true));
        let before = certificate.current.0.read().cert.clone();
        std::fs::write(&files.certificate, "half of it").unwrap();
        assert!(certificate.reread().is_err());
        assert_eq!(certificate.current.0.read().cert, before);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_file() {
        let (_folder, files) = folder("broken");
        let error = Certificate::read(files.clone()).unwrap_err();
        assert!(error.contains("tls.crt"), "{error}");
        write(&files);
        let other = std::fs::read(&files.key).unwrap();
        write(&files);
        std::fs::write(&files.key, other).unwrap();
        let error = Certificate::read(files.clone()).unwrap_err();
        assert!(
            error.ends_with("is not the key of the certificate"),
            "{error}"
        );
        std::fs::write(&files.key, "nothing").unwrap();
        let error = Certificate::read(files).unwrap_err();
        assert!(error.contains("tls.key: holds no private key"), "{error}");
    }
}
