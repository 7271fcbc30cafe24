//! TLS on the gateway's own port, and to upstreams.

use std::path::PathBuf;
use std::sync::Arc;

use chassis::contract::Access;
use gateway::Edge;
use gateway::certificate::{Certificate, Files};
use gateway::contracts::Bus;
use gateway::tls::Tls;
use gateway::upstream::UpstreamTls;
use test_contract::Feed;
use test_contract::feed::feed_service_server::FeedServiceServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig};

use crate::harness::{Answer, TestGateway};
use crate::upstreams::read;

/// A certificate for `localhost`, in files that go with it.
struct Made {
    folder: PathBuf,
    files: Files,
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn made(name: &str) -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("it-tls-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = Files {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
    };
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(&files.certificate, &certificate).unwrap();
    std::fs::write(&files.key, &key).unwrap();
    let der = made.cert.der().clone();
    Made {
        folder,
        files,
        certificate,
        key,
        der,
    }
}

/// A client that believes the certificate and speaks `protocols`.
fn connector(made: &Made, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(made.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn the_port_speaks_both_versions_of_http_over_tls_and_neither_in_the_clear() {
    let made = made("port");
    let tls = Tls::read(made.files.clone()).unwrap();
    let contracts = read("http://127.0.0.1:1", Access::Public, Bus::Absent);
    let gateway = TestGateway::with(contracts, Edge::default(), Some(tls)).await;
    let connect = async |protocols: &[&str]| {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        connector(&made, protocols)
            .connect(name, stream)
            .await
            .unwrap()
    };
    let mut stream = connect(&["http/1.1"]).await;
    let request = "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(Answer::parse(&text).status, 200);

    let stream = connect(&["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::get("https://localhost/livez")
        .body(())
        .unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    drop(client);
    connection.abort();

    let mut plain = gateway.send("GET /livez", "\r\n").await;
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told).await;
    assert!(
        !told.starts_with(b"HTTP"),
        "{}",
        String::from_utf8_lossy(&told)
    );
}

/// Servers are believed by this certificate and shown none.
fn believing(made: &Made) -> UpstreamTls {
    UpstreamTls {
        ca: Some(made.certificate.clone().into_bytes()),
        certificate: None,
    }
}

/// Serves the feed with this certificate. The port.
async fn serve(made: &Made, config: ServerTlsConfig) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let identity = Identity::from_pem(&made.certificate, &made.key);
    let server = tonic::transport::Server::builder()
        .tls_config(config.identity(identity))
        .unwrap()
        .add_service(FeedServiceServer::new(Feed::default()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    port
}

#[tokio::test]
async fn an_upstream_that_asks_who_calls_is_shown_the_certificate() {
    let (server, ours, other) = (made("asks"), made("shown"), made("unknown"));
    let authority = tonic::transport::Certificate::from_pem(&ours.certificate);
    let config = ServerTlsConfig::new().client_ca_root(authority);
    let port = serve(&server, config).await;
    for (shown, status) in [(Some(&ours), 200), (Some(&other), 503), (None, 503)] {
        let certificate = shown.map(|shown| Certificate::read(shown.files.clone()).unwrap());
        let contracts = read(
            &format!("https://localhost:{port}"),
            Access::Public,
            Bus::Absent,
        );
        let contracts = contracts.with_upstream_tls(UpstreamTls {
            certificate,
            ..believing(&server)
        });
        let gateway = TestGateway::fronting(contracts).await;
        assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, status);
    }
}

#[tokio::test]
async fn a_certificate_that_was_renewed_is_shown_from_the_next_connection_on() {
    let (server, ours, renewed) = (made("renewal"), made("old"), made("new"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut roots = RootCertStore::empty();
    for believed in [&ours, &renewed] {
        roots.add(believed.der.clone()).unwrap();
    }
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.der.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    // Hears the first bytes of two connections, and closes each: they could resume one session.
    let shown = tokio::spawn(async move {
        let mut shown = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.read_exact(&mut [0; 24]).await.unwrap();
            let certificates = stream.get_ref().1.peer_certificates().unwrap();
            shown.push(certificates[0].clone());
            stream.shutdown().await.unwrap();
        }
        shown
    });
    let certificate = Certificate::read(ours.files.clone()).unwrap();
    let contracts = read(
        &format!("https://localhost:{port}"),
        Access::Public,
        Bus::Absent,
    );
    let contracts = contracts.with_upstream_tls(UpstreamTls {
        certificate: Some(certificate.clone()),
        ..believing(&server)
    });
    let gateway = TestGateway::fronting(contracts).await;
    assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, 503);
    assert!(!certificate.reread().unwrap());
    std::fs::write(&ours.files.certificate, &renewed.certificate).unwrap();
    std::fs::write(&ours.files.key, &renewed.key).unwrap();
    assert!(certificate.reread().unwrap());
    assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, 503);
    let shown = shown.await.unwrap();
    assert_eq!(shown, [ours.der.clone(), renewed.der.clone()]);
}

#[tokio::test]
async fn an_upstream_is_believed_by_the_roots_that_are_set() {
    let (ours, other) = (made("upstream"), made("other"));
    let port = serve(&ours, ServerTlsConfig::new()).await;
    for (roots, status) in [(&ours, 200), (&other, 503)] {
        let contracts = read(
            &format!("https://localhost:{port}"),
            Access::Public,
            Bus::Absent,
        );
        let contracts = contracts.with_upstream_tls(believing(roots));
        let gateway = TestGateway::fronting(contracts).await;
        assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, status);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_agree_to_http2_is_unavailable() {
    let made = made("alpn");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut said = Vec::new();
        // It may close the connection without the end that TLS has.
        let _ = stream.read_to_end(&mut said).await;
        said
    });
    let server = format!("https://localhost:{port}");
    let contracts = read(&server, Access::Public, Bus::Absent);
    let contracts = contracts.with_upstream_tls(believing(&made));
    let gateway = TestGateway::fronting(contracts).await;
    assert_eq!(gateway.ask("GET /v1/feeds/a/posts/3").await.status, 503);
    assert_eq!(accepted.await.unwrap(), b"", "no frame was sent");
}
