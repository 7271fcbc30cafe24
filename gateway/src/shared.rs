//! A service that all its callers share.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tower::{Service, ServiceExt as _};

/// A service whose clones are the same one. What it wraps is cloned for each call without a box around
/// it, and the one allocation of a call is its future.
pub struct Shared<Q, A>(Arc<dyn Fn(Q) -> Answering<A> + Send + Sync>);

/// A call under way.
pub type Answering<A> = Pin<Box<dyn Future<Output = Result<A, Infallible>> + Send>>;

impl<Q, A> Clone for Shared<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, A> std::fmt::Debug for Shared<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl<Q: Send + 'static, A> Shared<Q, A> {
    /// Shares a service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Q, Response = A, Error = Infallible, Future: Send>,
        S: Clone + Send + Sync + 'static,
    {
        Self(Arc::new(move |request| {
            Box::pin(service.clone().oneshot(request))
        }))
    }

    /// Answers a request. What is given back is a pointer: the request is with the service already, and
    /// whoever awaits this has no room for it in its own future.
    pub fn answer(&self, request: Q) -> impl Future<Output = A> + Send + use<Q, A> {
        (self.0)(request).map(|Ok(answer)| answer)
    }
}

impl<Q, A> Service<Q> for Shared<Q, A> {
    type Response = A;
    type Error = Infallible;
    type Future = Answering<A>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        (self.0)(request)
    }
}
