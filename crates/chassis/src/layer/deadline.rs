//! A call ends by its deadline: the method's own, or the caller's if that is sooner.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::task::AbortHandle;
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

/// How long after its deadline a stream is dropped that nobody has asked since: its caller takes nothing.
const UNASKED: Duration = Duration::from_secs(1);

/// A stream that ends by its deadline.
struct Limited {
    /// `None` when the deadline is over.
    body: Arc<Mutex<Option<Body>>>,
    timer: Pin<Box<Sleep>>,
    over: bool,
    guard: AbortHandle,
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
    let body = Arc::new(Mutex::new(Some(body)));
    let guarded = Arc::clone(&body);
    // A caller that takes nothing does not ask for the next frame either, and the handler would stay.
    let guard = tokio::spawn(async move {
        sleep_until(deadline + UNASKED).await;
        drop(guarded.lock().take());
    });
    Body::new(Limited {
        body,
        timer: Box::pin(sleep_until(deadline)),
        over: false,
        guard: guard.abort_handle(),
    })
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.guard.abort();
    }
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
            drop(self.body.lock().take());
            return Poll::Ready(Some(Ok(last_frame(&too_late()))));
        }
        match self.body.lock().as_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            // The timer is over when the guard has come.
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.lock().as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        // It may end early.
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::StreamExt as _;
    use http_body_util::StreamBody;

    use super::*;

    /// Whether it was dropped.
    struct Handler(Arc<AtomicBool>);

    impl Drop for Handler {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A stream of 10 s that says nothing, and whether its handler is gone.
    fn stream() -> (Body, Arc<AtomicBool>) {
        let gone = Arc::new(AtomicBool::new(false));
        let handler = Handler(Arc::clone(&gone));
        let silent = futures_util::stream::pending::<()>().map(move |()| {
            let _handler = &handler;
            Ok::<_, Status>(Frame::data(Bytes::new()))
        });
        let body = Body::new(StreamBody::new(silent));
        (
            limited(body, Instant::now() + Duration::from_secs(10)),
            gone,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_asks_is_dropped_at_its_deadline() {
        let (body, gone) = stream();
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(!gone.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(gone.load(Ordering::Relaxed));
        // Whoever asks after all hears why.
        let mut body = std::pin::pin!(body);
        let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)).await;
        let trailers = frame.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_dropped_is_gone_at_once() {
        let (body, gone) = stream();
        drop(body);
        tokio::task::yield_now().await;
        assert!(gone.load(Ordering::Relaxed));
    }
}
