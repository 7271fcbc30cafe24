//! A call ends by its deadline: the method's own, or the caller's if that is sooner.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::ending::last_frame;
use super::method::Called;
use crate::call::Budget;
use crate::timeout;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct Deadline;

/// What [`Deadline`] makes of a service.
#[derive(Debug, Clone)]
pub struct DeadlineService<S>(S);

pin_project! {
    /// A call within a [`DeadlineService`].
    #[project = Project]
    #[derive(Debug)]
    pub enum DeadlineFuture<F> {
        /// Its transport ends it, or nothing does.
        Untimed { #[pin] inner: F },
        /// This layer ends it.
        Timed { #[pin] inner: F, #[pin] timer: Sleep, streams: bool },
        /// It was refused.
        Refused { status: Option<Status> },
    }
}

/// A stream that ends by its deadline.
struct Limited {
    body: Body,
    timer: Pin<Box<Sleep>>,
    over: bool,
}

/// Ends a call with `DEADLINE_EXCEEDED`, and drops its handler, when its time is over. Handlers find
/// the [`Budget`] in the extensions. A call that comes with one is timed by its transport.
#[must_use]
pub fn layer() -> Deadline {
    Deadline
}

fn too_late() -> Status {
    Status::deadline_exceeded("the service did not answer in time")
}

/// What a call may take, if this layer has to see to it.
fn budget(request: &Request<Body>) -> Result<Option<(Duration, bool)>, Status> {
    let Some(called) = Called::of(request) else {
        return Ok(None);
    };
    if request.extensions().get::<Budget>().is_some() {
        return Ok(None);
    }
    let asked = match request.headers().get(timeout::HEADER) {
        None => Duration::MAX,
        Some(asked) => {
            let asked = asked.to_str().ok().and_then(timeout::parse);
            asked.ok_or_else(timeout::malformed)?
        }
    };
    let method = called.method();
    Ok(Some((method.deadline.min(asked), method.server_streaming)))
}

impl<S> Layer<S> for Deadline {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService(inner)
    }
}

impl<S> Service<Request<Body>> for DeadlineService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match budget(&request) {
            Ok(None) => DeadlineFuture::Untimed {
                inner: self.0.call(request),
            },
            Ok(Some((budget, streams))) => {
                request.extensions_mut().insert(Budget(budget));
                DeadlineFuture::Timed {
                    timer: sleep_until(Instant::now() + budget),
                    inner: self.0.call(request),
                    streams,
                }
            }
            Err(status) => DeadlineFuture::Refused {
                status: Some(status),
            },
        }
    }
}

impl<F> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Untimed { inner } => inner.poll(cx),
            Project::Timed {
                inner,
                timer,
                streams,
            } => match inner.poll(cx) {
                Poll::Ready(Ok(response)) if *streams => {
                    let deadline = timer.deadline();
                    Poll::Ready(Ok(response.map(|body| limited(body, deadline))))
                }
                Poll::Ready(answered) => Poll::Ready(answered),
                // Only a call that has to wait costs a timer.
                Poll::Pending => timer.poll(cx).map(|()| Ok(too_late().into_http())),
            },
            Project::Refused { status } => {
                let status = status.take().expect("a future is not polled after its end");
                Poll::Ready(Ok(status.into_http()))
            }
        }
    }
}

fn limited(body: Body, deadline: Instant) -> Body {
    Body::new(Limited {
        body,
        timer: Box::pin(sleep_until(deadline)),
        over: false,
    })
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        // The timer first: a stream that never pauses has to end as well.
        if self.timer.as_mut().poll(cx).is_ready() {
            self.over = true;
            self.body = Body::empty();
            return Poll::Ready(Some(Ok(last_frame(&too_late()))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // It may end early.
        SizeHint::default()
    }
}
