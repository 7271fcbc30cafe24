//! The pages and REST, with every error in the one shape.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use http::{Request, Response, header};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::rest::Rest;
use crate::shared::{Answering, Shared};
use crate::{compression, pages};

/// What is answered over HTTP that is no gRPC. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Http {
    parts: Arc<Parts>,
    compressed: Shared<Request<Body>, Response<Body>>,
}

#[derive(Debug)]
struct Parts {
    pages: Router,
    /// Whether there are pages of the process's own.
    further: bool,
    rest: Rest,
}

// === impl Http ===

impl Http {
    pub(super) fn new(pages: Router, further: bool, rest: Rest) -> Self {
        let parts = Arc::new(Parts {
            pages,
            further,
            rest,
        });
        let inner = Arc::clone(&parts);
        let plain = service_fn(move |mut request| {
            let parts = Arc::clone(&inner);
            async move { Ok::<_, Infallible>(parts.answer(&mut request).await) }
        });
        let compressed = compression::layer().layer(plain);
        let compressed = compressed.map_response(|response| response.map(Body::new));
        Self {
            parts,
            compressed: Shared::new(compressed),
        }
    }

    /// Takes the request out of where it is: a call has room for one, not for one at each step.
    pub(super) async fn answer(&self, request: &mut Request<Body>) -> Response<Body> {
        // Whoever takes no encoding is not asked which.
        if request.headers().contains_key(header::ACCEPT_ENCODING) {
            compression::settle(request.headers_mut());
            return self.compressed.answer(std::mem::take(request)).await;
        }
        self.parts.answer(request).await
    }
}

impl Service<Request<Body>> for Http {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Response<Body>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let http = self.clone();
        Box::pin(async move { Ok(http.answer(&mut request).await) })
    }
}

// === impl Parts ===

impl Parts {
    async fn answer(&self, request: &mut Request<Body>) -> Response<Body> {
        if !pages::owns(request.uri().path(), self.further) {
            return self.rest.answer(request).await;
        }
        let method = request.method().clone();
        let response = match self.pages.clone().oneshot(std::mem::take(request)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        pages::shaped(&method, response)
    }
}
