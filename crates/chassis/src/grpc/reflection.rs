//! Reflection (<https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>), made when it is
//! first asked for: it keeps two copies of all descriptors, and most processes are never asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};
use tower::ServiceExt as _;

use crate::shutdown::Shutdown;

/// How long a stream may live: tools ask what they need within seconds.
pub(super) const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What makes the service. An error is told to whoever asks.
type Make = Box<dyn FnOnce() -> Result<Routes, Error> + Send>;

/// Reflection, of both versions. Clones share it.
#[derive(Clone)]
pub(super) struct Reflection {
    routes: Arc<LazyLock<Result<Routes, Error>, Make>>,
    shutdown: Shutdown,
}

/// A request's body, which ends early when `over` does.
struct Until {
    body: Body,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl std::fmt::Debug for Reflection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reflection").finish_non_exhaustive()
    }
}

/// Whether a path is of reflection.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/grpc.reflection.")
}

// === impl Reflection ===

impl Reflection {
    /// Shows `services`, by full name, and whatever the descriptors hold.
    pub(super) fn new(
        descriptors: impl FnOnce() -> Vec<u8> + Send + 'static,
        services: Vec<String>,
        shutdown: Shutdown,
    ) -> Self {
        let make = move || {
            let descriptors = descriptors();
            let builder = || {
                let builder = Builder::configure()
                    .register_encoded_file_descriptor_set(&descriptors)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                    .with_service_name("grpc.health.v1.Health");
                services.iter().fold(builder, Builder::with_service_name)
            };
            Ok(Routes::new(builder().build_v1()?).add_service(builder().build_v1alpha()?))
        };
        Self {
            routes: Arc::new(LazyLock::new(Box::new(make))),
            shutdown,
        }
    }

    /// Answers a call.
    pub(super) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let routes = match &**self.routes {
            Ok(routes) => routes.clone(),
            Err(error) => {
                tracing::error!("the descriptors cannot be reflected: {error}");
                return Status::internal("the descriptors cannot be reflected").into_http();
            }
        };
        let shutdown = self.shutdown.clone();
        // A stream lives as long as its requests may come.
        let over = async move {
            shutdown.sleep(LIFETIME).await;
        };
        let request = request.map(|body| Body::new(Until::new(body, over)));
        match routes.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

// === impl Until ===

impl Until {
    fn new(body: Body, over: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            body,
            over: Box::pin(over),
            ended: false,
        }
    }
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.over.as_mut().poll(cx).is_ready() {
            self.ended = true;
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // It may end early.
        SizeHint::default()
    }
}
