//! A call that is sent again with its `idempotency-key` is answered as before, and runs once.
//!
//! It holds for methods whose response may be kept ([`Method::is_replayable`]) in a process that
//! keeps responses ([`Parts::responses`]). Everywhere else the key changes nothing.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderName, Request, Response};
use pin_project_lite::pin_project;
use token::Identity;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::body::buffered;
use super::load_shed::{Room, overloaded};
use super::method::Called;
use super::{LayerService, Parts, catch_panic};
use crate::call::Budget;
use crate::contract::Method;
use crate::status::Reason;
use crate::trace;
use kept::Kept;

pub use memory::MemoryResponses;
pub use store::{Attempt, Claim, Responses, StoreError};

mod kept;
mod memory;
mod store;

/// The header, and the gRPC metadata, that holds the key.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 128;

/// How long a claim outlasts the call it is made for: time enough to store the response.
const MARGIN: Duration = Duration::from_secs(5);

/// When a caller should ask again for the response to a call that is still running.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The key is none.
pub const IDEMPOTENCY_KEY_INVALID: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "IDEMPOTENCY_KEY_INVALID",
    domain: "request",
};
/// The key came before with another request.
pub const IDEMPOTENCY_KEY_REUSED: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "IDEMPOTENCY_KEY_REUSED",
    domain: "request",
};
/// The call that the key came with first has not ended.
pub const IDEMPOTENCY_KEY_IN_USE: Reason = Reason {
    code: Code::Aborted,
    reason: "IDEMPOTENCY_KEY_IN_USE",
    domain: "request",
};
/// It cannot be told whether the key came before.
pub const RESPONSES_UNAVAILABLE: Reason = Reason {
    code: Code::Unavailable,
    reason: "RESPONSES_UNAVAILABLE",
    domain: "request",
};

/// The layer.
#[derive(Debug, Clone)]
pub struct Idempotency(Option<Replaying>);

/// What it takes to replay responses.
#[derive(Debug, Clone)]
struct Replaying {
    responses: Arc<dyn Responses>,
    /// A call holds its place here to its end; its place among all calls is free when its caller goes.
    room: Arc<Room>,
    tasks: TaskTracker,
}

/// What [`Idempotency`] makes of a service.
#[derive(Debug, Clone)]
pub struct IdempotencyService<S> {
    replaying: Option<Replaying>,
    inner: S,
}

pin_project! {
    /// A call within an [`IdempotencyService`].
    #[project = Project]
    pub enum IdempotencyFuture<F> {
        /// It has no key, or none that counts.
        Passed { #[pin] inner: F },
        /// It is looked for among the responses first.
        Keyed { inner: Answer },
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Replays the response to a call that came before. Goes inside of authentication, since a key is its
/// caller's own, and of validation, so that what is refused there holds no key.
#[must_use]
pub fn layer(parts: &Parts) -> Idempotency {
    let responses = parts.responses.clone();
    Idempotency(responses.map(|responses| Replaying {
        responses,
        room: Arc::new(Room::new(parts.max_in_flight)),
        tasks: parts.keyed.clone(),
    }))
}

/// The key of a call, if it has one.
///
/// # Errors
/// `INVALID_ARGUMENT`: it is empty, too long or not printable, or there are several.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>, Status> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = std::str::from_utf8(value.as_bytes()).ok().filter(|key| {
        (1..=LONGEST_KEY).contains(&key.len())
            && !key.chars().any(char::is_control)
            && !key.trim().is_empty()
    });
    if key.is_some() && values.next().is_none() {
        return Ok(key);
    }
    Err(IDEMPOTENCY_KEY_INVALID.status(format!(
        "the idempotency-key must be one value of 1 to {LONGEST_KEY} bytes of printable text, such as a UUID"
    )))
}

impl<S> Layer<S> for Idempotency {
    type Service = IdempotencyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let replaying = self.0.clone();
        IdempotencyService { replaying, inner }
    }
}

impl<S: LayerService> Service<Request<Body>> for IdempotencyService<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = IdempotencyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let replaying = self.replaying.as_ref();
        let replaying = replaying.filter(|_| request.headers().contains_key(HEADER));
        let called = Called::of(&request).filter(|called| called.method().is_replayable());
        let Some((replaying, called)) = replaying.zip(called) else {
            return IdempotencyFuture::Passed {
                inner: self.inner.call(request),
            };
        };
        let (replaying, served) = (replaying.clone(), Arc::clone(&called.served));
        // The clone takes the place of the one that was made ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let inner = Box::pin(async move {
            let answered = answer(replaying, &served.method, ready, request).await;
            Ok(answered.unwrap_or_else(Status::into_http))
        });
        IdempotencyFuture::Keyed { inner }
    }
}

impl<F> Future for IdempotencyFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Passed { inner } => inner.poll(cx),
            Project::Keyed { inner } => inner.as_mut().poll(cx),
        }
    }
}

impl<F> std::fmt::Debug for IdempotencyFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotencyFuture").finish_non_exhaustive()
    }
}

/// The response to a call with a key: that of the first such call.
async fn answer<S: LayerService>(
    replaying: Replaying,
    method: &Method,
    service: S,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let (request, framed) = buffered(request).await?;
    let Some(key) = key(request.headers())? else {
        return Err(Status::internal("the service failed"));
    };
    let caller = caller(request.extensions());
    let attempt = Attempt::new(&caller, &method.path, key, &framed).map_err(|error| {
        tracing::error!("the system has no randomness: {error}");
        Status::internal("the service failed")
    })?;
    let limit = limit(method, request.extensions());
    // Taken first: a claim that cannot run would keep the key from everybody.
    let place = replaying.room.enter().ok_or_else(overloaded)?;
    let claim = replaying.responses.claim(&attempt, limit + MARGIN).await;
    match claim.map_err(|error| unavailable(&error))? {
        Claim::Run => {
            let work = settled(replaying.responses, attempt, limit, service, request);
            let work = in_trace(async move {
                let answer = work.await;
                drop(place);
                answer
            });
            finished(replaying.tasks.spawn(work.in_current_span())).await
        }
        Claim::Replay(kept) => match Kept::decode(&kept) {
            Some(kept) => Ok(kept.into_response()),
            None => {
                tracing::error!(rpc.method = method.path, "a kept response cannot be read");
                Err(Status::internal("the service failed"))
            }
        },
        Claim::Mismatch => Err(IDEMPOTENCY_KEY_REUSED
            .status("the idempotency-key came before with another request: use a new one")),
        Claim::Running => Err(IDEMPOTENCY_KEY_IN_USE.status_with(
            "the first call with this idempotency-key is still running; ask again for its answer",
            ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
        )),
    }
}

/// Whose keys they are: two callers may use the same.
fn caller(extensions: &Extensions) -> String {
    let identity = extensions.get::<Identity>();
    identity.map_or_else(
        || "anonymous".to_owned(),
        |identity| identity.user_id.to_string(),
    )
}

/// How long the call may run.
fn limit(method: &Method, extensions: &Extensions) -> Duration {
    let budget = extensions.get::<Budget>();
    budget.map_or(method.deadline, |Budget(budget)| {
        method.deadline.max(*budget)
    })
}

fn unavailable(error: &StoreError) -> Status {
    tracing::warn!(%error, "the responses to calls with a key cannot be asked for");
    RESPONSES_UNAVAILABLE.status(
        "it cannot be told whether the idempotency-key came before; try again with the same key",
    )
}

/// Runs the call to its end, and stores what became of it.
async fn settled<S: LayerService>(
    responses: Arc<dyn Responses>,
    attempt: Attempt,
    limit: Duration,
    service: S,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    // Caught here, so that the claim of a call that panics is given back.
    let mut service = catch_panic::layer().layer(service);
    let finished = async {
        let Ok(response) = service.call(request).await;
        Kept::of(response).await
    };
    let finished = tokio::time::timeout(limit, finished).await;
    let finished = finished.unwrap_or_else(|_| {
        Err(Status::deadline_exceeded(
            "the service did not answer in time",
        ))
    });
    // Before it is answered: who asks again then finds it.
    let stored = match &finished {
        Ok(kept) if is_final(kept.code()) => responses.keep(&attempt, kept.encode()).await,
        _ => responses.release(&attempt).await,
    };
    if let Err(error) = stored {
        tracing::error!(%error, "what became of a call with a key was not stored: it may run again");
    }
    finished.map(Kept::into_response)
}

/// What a call that is a task of its own was answered. It is one because a caller who goes away will
/// ask again, for the response.
async fn finished(
    task: JoinHandle<Result<Response<Body>, Status>>,
) -> Result<Response<Body>, Status> {
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call with a key was broken off");
        Err(Status::internal("the service failed"))
    })
}

/// The same work, in the trace of the call that this thread works on.
fn in_trace<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let mut context = trace::current();
    async move {
        let mut work = pin!(work);
        std::future::poll_fn(move |cx| {
            let _entered = context.is_some().then(|| trace::enter(&mut context));
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// Whether the same call would end in the same way again. The others say that the service could not,
/// and the caller may well try again with the same key.
fn is_final(code: Code) -> bool {
    !matches!(
        code,
        Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let pair = |value: &&str| {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HEADER, value)
        };
        let mut headers = HeaderMap::new();
        for (name, value) in values.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn a_key_is_1_to_128_bytes_of_printable_text() {
        let longest = "k".repeat(LONGEST_KEY);
        for good in ["k", "5f1c a-1", "\"8e03978e\"", "schl\u{fc}ssel", &longest] {
            assert_eq!(key(&headers(&[good])).unwrap(), Some(good));
        }
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        let too_long = "k".repeat(LONGEST_KEY + 1);
        for bad in [
            &[""][..],
            &[" "],
            &["a\tb"],
            &[too_long.as_str()],
            &["a", "b"],
        ] {
            let status = key(&headers(bad)).unwrap_err();
            let reason = crate::status::reason_of(&status);
            assert_eq!(
                reason.as_deref(),
                Some("IDEMPOTENCY_KEY_INVALID"),
                "{bad:?}"
            );
        }
        let mut latin1 = HeaderMap::new();
        latin1.insert(HEADER, http::HeaderValue::from_bytes(&[0xe9]).unwrap());
        assert!(key(&latin1).is_err());
    }
}
