//! A handler that panics fails its own call and no other.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::ending::last_frame;
use super::method::{Called, Served};

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct CatchPanic;

/// What [`CatchPanic`] makes of a service.
#[derive(Debug, Clone)]
pub struct CatchPanicService<S>(S);

pin_project! {
    /// A call within a [`CatchPanicService`].
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        // None if making it has panicked.
        #[pin]
        inner: Option<F>,
        served: Option<Arc<Served>>,
    }
}

/// A stream that ends where its handler panics.
struct Caught {
    body: Option<Body>,
    served: Arc<Served>,
}

/// Turns a panic into `INTERNAL`, which says nothing of the inside.
#[must_use]
pub fn layer() -> CatchPanic {
    CatchPanic
}

/// Nothing of a call is used after it has panicked, which is all that unwind safety is about.
fn caught<T>(served: Option<&Served>, work: impl FnOnce() -> T) -> Result<T, Status> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let path = served.map_or("", |served| served.method.path.as_str());
        tracing::error!(rpc.method = path, "the handler has panicked");
        Status::internal("the service failed")
    })
}

impl<S> Layer<S> for CatchPanic {
    type Service = CatchPanicService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanicService(inner)
    }
}

impl<S> Service<Request<Body>> for CatchPanicService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let served = Called::of(&request).map(|called| Arc::clone(&called.served));
        let inner = caught(served.as_deref(), || self.0.call(request)).ok();
        CatchPanicFuture { inner, served }
    }
}

impl<F> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(Ok(Status::internal("the service failed").into_http()));
        };
        let response = match caught(this.served.as_deref(), || inner.poll(cx)) {
            Ok(polled) => ready!(polled)?,
            Err(status) => status.into_http(),
        };
        let streams = this
            .served
            .take()
            .filter(|served| served.method.server_streaming);
        Poll::Ready(Ok(match streams {
            Some(served) => response.map(|body| {
                let body = Some(body);
                Body::new(Caught { body, served })
            }),
            None => response,
        }))
    }
}

impl http_body::Body for Caught {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, served } = &mut *self;
        let Some(running) = body else {
            return Poll::Ready(None);
        };
        match caught(Some(served), || Pin::new(running).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(status) => {
                *body = None;
                Poll::Ready(Some(Ok(last_frame(&status))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        // It may end early.
        SizeHint::default()
    }
}
