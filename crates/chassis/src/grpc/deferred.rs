//! A service that listens before it can answer.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

type Inner = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Answers `UNAVAILABLE` until the service it stands for is there. So a process can show its health
/// while it waits for its database. Clones share the service.
#[derive(Debug, Clone, Default)]
pub struct Deferred(Arc<OnceLock<Inner>>);

impl Deferred {
    /// From now on `service` answers. The first one stays.
    pub fn set<S>(&self, service: S)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        // A second one would be a mistake of the caller's that changes nothing.
        let _ = self.0.set(BoxCloneSyncService::new(service));
    }
}

impl Service<Request<Body>> for Deferred {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inner = self.0.get().cloned();
        Box::pin(async move {
            match inner {
                Some(service) => service.oneshot(request).await,
                None => {
                    Ok(Status::unavailable("the service is starting; try again later").into_http())
                }
            }
        })
    }
}
