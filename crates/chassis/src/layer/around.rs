//! A layer made of an async function.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

/// Runs a function around each call. The function gets the request and the service that would
/// answer it, and gives the response.
pub struct Around<F>(F);

/// What [`Around`] makes of a service.
pub struct AroundService<F, S> {
    function: F,
    inner: S,
}

/// The rest of the stack, ready to answer one request.
pub struct Next<S>(S);

/// A layer that runs `function` around each call.
pub fn around<F>(function: F) -> Around<F> {
    Around(function)
}

/// What the layers wrap.
pub trait LayerService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Future + Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> LayerService for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Future + Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

// === impl Next ===

impl<S> Next<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    /// The answer of the rest of the stack.
    pub async fn run(mut self, request: Request<Body>) -> Response<Body> {
        match self.0.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl<S> std::fmt::Debug for Next<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

impl<F, S> std::fmt::Debug for AroundService<F, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AroundService").finish_non_exhaustive()
    }
}

// === impl Around ===

impl<F> std::fmt::Debug for Around<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").finish_non_exhaustive()
    }
}

impl<F: Clone, S> Layer<S> for Around<F> {
    type Service = AroundService<F, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService {
            function: self.0.clone(),
            inner,
        }
    }
}

impl<F: Clone, S: Clone> Clone for AroundService<F, S> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<F, S, R> Service<Request<Body>> for AroundService<F, S>
where
    F: Fn(Request<Body>, Next<S>) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone takes the place of the one that was made ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let answer = (self.function)(request, Next(ready));
        Box::pin(async move { Ok(answer.await) })
    }
}
