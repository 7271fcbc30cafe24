//! gRPC servers that are called over HTTP/2.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chassis::call::Budget;
use chassis::timeout;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tower::{Service, ServiceExt as _};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a connection with calls on it is asked whether it is still there, and how long it may
/// take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A gRPC server. Clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    channel: Channel,
    server: Arc<str>,
}

impl Http2 {
    /// The server at `uri`. Connects at the first call, and again whenever the connection is lost. With
    /// TLS it is believed by the roots in `ca`, or by the system's. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// The roots cannot be used.
    pub(crate) fn new(uri: &Uri, ca: Option<&[u8]>) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = Endpoint::from(uri.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .tcp_nodelay(true);
        if uri.scheme() == Some(&Scheme::HTTPS) {
            let tls = ClientTlsConfig::new();
            endpoint = endpoint.tls_config(match ca {
                Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
                None => tls.with_native_roots(),
            })?;
        }
        let server = uri.authority().map(ToString::to_string);
        Ok(Self {
            channel: endpoint.connect_lazy(),
            server: server.unwrap_or_default().into(),
        })
    }
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    /// The channel itself is asked by each call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { channel, server } = self.clone();
        Box::pin(async move { Ok(call(channel, &server, request).await) })
    }
}

async fn call(channel: Channel, server: &str, mut request: Request<Body>) -> Response<Body> {
    // What is left, the method's own deadline included: the server need not work for longer.
    if let Some(Budget(budget)) = request.extensions().get()
        && let Ok(budget) = timeout::format(*budget).try_into()
    {
        request.headers_mut().insert(timeout::HEADER, budget);
    }
    match channel.oneshot(request).await {
        Ok(response) => response,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            tracing::warn!(server, "a call did not reach its server: {error}: {cause}");
            Status::unavailable("the service cannot be reached; try again later").into_http()
        }
    }
}
