//! A layer made of what happens before a call and after it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// What a layer does about each call.
pub trait Concern: Clone + Send + Sync + 'static {
    /// What is kept while the call runs. It is dropped if the caller goes away meanwhile.
    type Kept: Send + 'static;

    /// Before the rest of the stack has the request.
    ///
    /// # Errors
    /// The answer, in place of the rest of the stack's.
    fn before(&self, request: &mut Request<Body>) -> Result<Self::Kept, Status>;

    /// After the rest of the stack has answered.
    fn after(kept: Self::Kept, response: Response<Body>) -> Response<Body>;
}

/// The layer of a [`Concern`].
#[derive(Debug, Clone)]
pub struct Around<C>(pub C);

/// What [`Around`] makes of a service.
#[derive(Debug, Clone)]
pub struct AroundService<C, S> {
    concern: C,
    inner: S,
}

pin_project! {
    /// A call within an [`AroundService`].
    #[project = Project]
    #[derive(Debug)]
    pub enum AroundFuture<K, F> {
        /// The rest of the stack works on it.
        Running { #[pin] inner: F, kept: Option<K>, after: fn(K, Response<Body>) -> Response<Body> },
        /// It was refused.
        Refused { status: Option<Status> },
    }
}

impl<C: Clone, S> Layer<S> for Around<C> {
    type Service = AroundService<C, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService {
            concern: self.0.clone(),
            inner,
        }
    }
}

impl<C, S> Service<Request<Body>> for AroundService<C, S>
where
    C: Concern,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AroundFuture<C::Kept, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.concern.before(&mut request) {
            Ok(kept) => AroundFuture::Running {
                inner: self.inner.call(request),
                kept: Some(kept),
                after: C::after,
            },
            Err(status) => AroundFuture::Refused {
                status: Some(status),
            },
        }
    }
}

impl<K, F> Future for AroundFuture<K, F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            Project::Running { inner, kept, after } => {
                let response = ready!(inner.poll(cx))?;
                let kept = kept.take().expect("a future is not polled after its end");
                Ok(after(kept, response))
            }
            Project::Refused { status } => {
                let status = status.take().expect("a future is not polled after its end");
                Ok(status.into_http())
            }
        })
    }
}
