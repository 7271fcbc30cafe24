//! The trace that a call belongs to.

use std::convert::Infallible;
use std::future::Future;
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
use tracing::Span;

use super::Parts;
use super::ending;
use super::log::REQUEST_ID;
use super::method::Called;
use crate::trace::{TraceContext, TraceIds, enter};

/// The layer.
#[derive(Debug, Clone)]
pub struct Trace(Arc<TraceIds>);

/// What [`Trace`] makes of a service.
#[derive(Debug, Clone)]
pub struct TraceService<S> {
    ids: Arc<TraceIds>,
    inner: S,
}

/// Where a call's work is done.
#[derive(Debug, Clone)]
struct Scope {
    span: Span,
    /// `None` for what is not of the contract.
    context: Option<Arc<TraceContext>>,
    streams: bool,
}

pin_project! {
    /// A call within a [`TraceService`].
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        inner: F,
        scope: Scope,
    }
}

/// A stream whose frames are made within the call's span.
struct Traced {
    body: Body,
    scope: Scope,
}

/// Gives each call of the contract a span, at level debug, and a trace context: a child of the
/// caller's or a new one. Whatever the handler sends meanwhile finds it with
/// [`trace::current`](crate::trace::current).
#[must_use]
pub fn layer(parts: &Parts) -> Trace {
    Trace(Arc::clone(&parts.trace_ids))
}

impl<S> Layer<S> for Trace {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let ids = Arc::clone(&self.0);
        TraceService { ids, inner }
    }
}

impl<S> Service<Request<Body>> for TraceService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut scope = Scope::of(&request, &self.ids);
        let inner = scope.within(|| self.inner.call(request));
        TraceFuture { inner, scope }
    }
}

impl<F> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.scope.within(|| this.inner.poll(cx)))?;
        if let Some(code) = ending::status(response.headers()) {
            this.scope
                .span
                .record("rpc.code", tracing::field::debug(code));
        }
        Poll::Ready(Ok(if this.scope.streams {
            let scope = this.scope.clone();
            response.map(|body| Body::new(Traced { body, scope }))
        } else {
            response
        }))
    }
}

// === impl Scope ===

impl Scope {
    fn of(request: &Request<Body>, ids: &TraceIds) -> Self {
        let Some(called) = Called::of(request) else {
            return Self {
                span: Span::none(),
                context: None,
                streams: false,
            };
        };
        let headers = request.headers();
        let context = TraceContext::of_call(headers, ids);
        let span = tracing::debug_span!(
            "call",
            rpc.method = called.method().path,
            rpc.transport = called.transport.name(),
            rpc.code = tracing::field::Empty,
            request.id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()),
            trace.id = format!("{:032x}", context.trace_id),
            span.id = format!("{:016x}", context.span_id),
        );
        Self {
            span,
            context: Some(Arc::new(context)),
            streams: called.method().server_streaming,
        }
    }

    fn within<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _span = self.span.enter();
        let _context = self.context.is_some().then(|| enter(&mut self.context));
        work()
    }
}

impl http_body::Body for Traced {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, scope } = &mut *self;
        let frame = ready!(scope.within(|| Pin::new(body).poll_frame(cx)));
        let trailers = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.trailers_ref());
        if let Some(code) = trailers.and_then(ending::status) {
            scope.span.record("rpc.code", tracing::field::debug(code));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
