//! One line a call.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Layer;

use super::around::{LayerService, Next, around};
use crate::call::FromBus;
use crate::contract::{Contract, Pattern};

/// Logs each call of the contract when it ends: method, transport, status, duration. Failures of
/// ours are errors, everything else is for debugging.
pub fn layer<S: LayerService>(
    contract: &Arc<Contract>,
) -> impl Layer<S, Service: LayerService> + use<S> {
    let contract = Arc::clone(contract);
    around(move |request: Request<Body>, next: Next<S>| {
        let method = contract.get(request.uri().path()).map(Arc::clone);
        async move {
            let Some(method) = method else {
                return next.run(request).await;
            };
            let kafka = request.extensions().get::<FromBus>().is_some();
            let transport = if kafka { "kafka" } else { "http2" };
            let id = request
                .headers()
                .get("x-request-id")
                .and_then(|id| id.to_str().ok());
            let id = id.unwrap_or_default().to_owned();
            let begun = Instant::now();
            let response = next.run(request).await;
            // A status in the trailers is one of success: failures of unary calls come in headers.
            let status = Status::from_header_map(response.headers());
            let code = status.as_ref().map_or(Code::Ok, Status::code);
            let duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
            macro_rules! line {
                ($level:ident) => {
                    tracing::$level!(
                        rpc.method = method.path, rpc.transport = transport, rpc.code = ?code,
                        request.id = id, duration_ms, "call"
                    )
                };
            }
            // The bus tells of events that fail: once each, not once an attempt.
            let quiet = kafka && method.pattern == Pattern::Event;
            match code {
                _ if quiet => line!(debug),
                Code::Internal | Code::Unknown | Code::DataLoss => line!(error),
                Code::Ok => line!(debug),
                _ => line!(info),
            }
            response
        }
    })
}
