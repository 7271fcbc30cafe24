//! One tower layer per concern, for Kafka and HTTP/2 alike.
//!
//! A generated server is wrapped once, with [`stack`], and given to both transports: what holds for
//! a call over Kafka holds for one with grpcurl. What the contract does not know (health,
//! reflection) passes through untouched.
//!
//! | Layer | What it does |
//! |---|---|
//! | [`method`] | looks up, once, what the contract says of the call; the others read it |
//! | [`trace`] | a span, and the trace context that calls and events of the handler carry |
//! | [`metrics`] | rate, errors, duration |
//! | [`log`] | one line a call |
//! | [`catch_panic`] | a handler that panics fails its own call |
//! | [`load_shed`] | no more calls at once than there is room for |
//! | [`deadline`] | a call ends in time |
//! | [`authenticate`] | who may call |
//! | [`validation`] | what may be asked |
//! | [`idempotency`] | a call sent again with its key is answered as before |
//!
//! Their futures are plain types, one inside the other: a call over all layers allocates what it has
//! to remember and nothing for the layers themselves.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Layer as _, Service};
use validate::Validator;

use crate::contract::Contract;
use crate::metrics::Metrics;
use crate::trace::TraceIds;
use idempotency::Responses;
use method::Methods;
use token::AccessVerifier;

pub mod around;
pub mod authenticate;
pub mod body;
pub mod catch_panic;
pub mod deadline;
pub mod ending;
pub mod idempotency;
pub mod load_shed;
pub mod log;
pub mod method;
pub mod metrics;
pub mod propagate;
pub mod trace;
pub mod validation;

/// What the layers need.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Access rules and deadlines.
    pub contract: Arc<Contract>,
    /// Verifies access and service tokens.
    pub verifier: Arc<AccessVerifier>,
    /// Checks requests against the contract's rules.
    pub validator: Arc<Validator>,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Names the spans of calls.
    pub trace_ids: Arc<TraceIds>,
    /// The calls that may be worked on at once, of all methods together.
    pub max_in_flight: usize,
    /// Where responses to calls with an idempotency key are kept. Without it the key means nothing.
    pub responses: Option<Arc<dyn Responses>>,
    /// The calls with an idempotency key that run: they go on when their callers go, so a process waits
    /// for them before it ends.
    pub keyed: TaskTracker,
}

/// What the layers wrap, and what they make of it.
pub trait LayerService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> LayerService for S where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

// === impl Parts ===

impl Parts {
    /// With a seed of the system's for the ids of spans, and
    /// [`load_shed::MAX_IN_FLIGHT`] calls at once. No responses are kept.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(
        contract: Arc<Contract>,
        verifier: Arc<AccessVerifier>,
        validator: Arc<Validator>,
        metrics: Metrics,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            contract,
            verifier,
            validator,
            metrics,
            trace_ids: Arc::new(TraceIds::random()?),
            max_in_flight: load_shed::MAX_IN_FLIGHT,
            responses: None,
            keyed: TaskTracker::new(),
        })
    }
}

/// Puts every layer around a service, outermost first as in the table above.
pub fn stack<S: LayerService>(parts: &Parts, service: S) -> impl LayerService + use<S> {
    let methods = Arc::new(Methods::new(parts));
    let service = idempotency::layer(parts).layer(service);
    let service = validation::layer(parts).layer(service);
    let service = authenticate::layer(parts).layer(service);
    let service = deadline::layer().layer(service);
    let service = load_shed::layer(parts).layer(service);
    let service = catch_panic::layer().layer(service);
    let service = log::layer().layer(service);
    let service = metrics::layer().layer(service);
    let service = trace::layer(parts).layer(service);
    method::layer(&methods).layer(service)
}
