//! A handler that panics fails its own call and no other.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use http::Request;
use tonic::Status;
use tonic::body::Body;
use tower::Layer;

use super::around::{LayerService, Next, around};

/// Turns a panic into `INTERNAL`, which says nothing of the inside.
pub fn layer<S: LayerService>() -> impl Layer<S, Service: LayerService> + use<S> {
    around(|request: Request<Body>, next: Next<S>| async move {
        let path = request.uri().path().to_owned();
        // Nothing of the call is used after a panic.
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(rpc.method = path, "the handler has panicked");
                Status::internal("the service failed").into_http()
            }
        }
    })
}
