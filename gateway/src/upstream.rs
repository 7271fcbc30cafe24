//! gRPC servers that are called over HTTP/2.
//!
//! With h2 itself: a call writes its frames into the connection and reads its answer from there. No
//! queue, no task of its own and no timer stands between, which in front of a fast server are most of
//! what a gateway costs ([decision 0016](../../docs/adr/0016-upstreams-are-called-with-h2-itself.md)).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chassis::call::Budget;
use chassis::contract::Contract;
use chassis::layer::method::Called;
use chassis::timeout;
use chassis::trace::TRACEPARENT;
use http::{HeaderName, HeaderValue, Request, Response, header};
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::request_id;
use connection::Unreachable;
use pool::Connections;

mod connection;
mod exchange;
mod pool;
mod status;
mod target;
mod whole;

pub(crate) use target::Target;
pub use target::UpstreamTls;

/// What servers are told of who calls.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("trolleybus/", env!("CARGO_PKG_VERSION")));

/// Headers that no two calls have the same. HPACK's table (RFC 7541, 7.1.3) is told not to keep them: it
/// would drop what comes again for them, and look through them at each call.
static EACH_ANOTHER: [HeaderName; 2] = [request_id::HEADER, TRACEPARENT];

/// A server cannot be called as it is set.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// The roots are not certificates in PEM.
    #[error("the roots for upstreams with TLS cannot be used: {0}")]
    Roots(String),
    /// The name of the host is none that a certificate could be for.
    #[error("{0} is no name that a certificate could be for")]
    Name(String),
}

/// A gRPC server, of one replica or several. Clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    connections: Connections,
    contract: Arc<Contract>,
}

// === impl Http2 ===

impl Http2 {
    /// Serves methods of this contract. Connects at the first call, and again at the next one when the
    /// connection was lost.
    pub(crate) fn new(target: Target, contract: Arc<Contract>) -> Self {
        Self {
            connections: Connections::new(target),
            contract,
        }
    }

    /// Whether the answer of a method is one message.
    fn answers_once(&self, request: &Request<Body>) -> bool {
        let called = Called::of(request).map(Called::method);
        // The gateway's own calls have passed no layer that looks them up.
        let method = called.or_else(|| self.contract.get(request.uri().path()).map(|own| &**own));
        method.is_some_and(|method| !method.server_streaming)
    }
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let connections = self.connections.clone();
        let once = self.answers_once(&request);
        prepare(&mut request, connections.target());
        Box::pin(async move {
            let sender = match connections.sender().await {
                Ok(sender) => sender,
                Err(Unreachable(cause)) => {
                    let server = connections.target().authority();
                    tracing::warn!(%server, "a call did not reach its server: {cause}");
                    let told = "the service cannot be reached; try again later";
                    return Ok(Status::unavailable(told).into_http());
                }
            };
            let answered = match exchange::begin(sender, request) {
                Ok(begun) => begun.answer(once).await,
                Err(failed) => Err(failed),
            };
            Ok(answered.unwrap_or_else(Status::into_http))
        })
    }
}

/// Makes a call one to this server.
fn prepare(request: &mut Request<Body>, target: &Target) {
    // What is left, the method's own deadline included: the server need not work for longer.
    if let Some(&Budget(budget)) = request.extensions().get() {
        let budget = timeout::format(budget);
        request.headers_mut().insert(timeout::HEADER, budget);
    }
    request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
    for name in &EACH_ANOTHER {
        if let Some(value) = request.headers_mut().get_mut(name) {
            value.set_sensitive(true);
        }
    }
    *request.uri_mut() = target.uri(request.uri());
}
