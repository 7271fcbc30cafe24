//! One tower layer per concern, for Kafka and HTTP/2 alike.
//!
//! A generated server is wrapped once, with [`stack`], and given to both transports: what holds for
//! a call over Kafka holds for one with grpcurl. What the contract does not know (health,
//! reflection) passes through untouched.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service};
use validate::Validator;

use crate::contract::Contract;
use token::AccessVerifier;

pub mod around;
pub mod authenticate;
pub mod body;
pub mod catch_panic;
pub mod deadline;
pub mod log;
pub mod validation;

/// A gRPC service with every layer around it.
pub type Stacked = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What the layers need.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Access rules and deadlines.
    pub contract: Arc<Contract>,
    /// Verifies access and service tokens.
    pub verifier: Arc<AccessVerifier>,
    /// Checks requests against the contract's rules.
    pub validator: Arc<Validator>,
}

/// Puts every layer around a service, outermost first: log, panics, deadline, authentication,
/// validation.
pub fn stack<S>(parts: &Parts, service: S) -> Stacked
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let service = validation::layer(parts).layer(service);
    let service = authenticate::layer(parts).layer(service);
    let service = deadline::layer(&parts.contract).layer(service);
    let service = catch_panic::layer().layer(service);
    BoxCloneSyncService::new(log::layer(&parts.contract).layer(service))
}
