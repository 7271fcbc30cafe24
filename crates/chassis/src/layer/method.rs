//! What the contract says of the call, looked up once for all layers.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;

use super::Parts;
use super::around::{Around, Concern};
use super::load_shed::Room;
use crate::call::Transport;
use crate::contract::Method;
use crate::metrics::CallMetrics;

/// The methods of a contract, each with what the layers keep of it.
#[derive(Debug)]
pub struct Methods {
    by_path: HashMap<String, Arc<Served>>,
}

/// A method, and what the layers keep of it.
#[derive(Debug)]
pub struct Served {
    /// What the contract says.
    pub method: Arc<Method>,
    /// Whether a request can break a rule.
    pub has_rules: bool,
    /// How many of its calls may run at once, if the contract bounds them.
    pub room: Option<Arc<Room>>,
    /// By the number of the transport.
    metrics: [CallMetrics; Transport::ALL.len()],
}

/// The method of a call that is under way, in the extensions of its request. What has none is not of
/// the contract.
#[derive(Debug, Clone)]
pub struct Called {
    /// The method.
    pub served: Arc<Served>,
    /// What brought the call.
    pub transport: Transport,
    /// When it reached the layers.
    pub begun: Instant,
}

/// Looks methods up.
#[derive(Debug, Clone)]
pub struct LookUp(Arc<Methods>);

/// The outermost layer: without it the others let everything pass.
#[must_use]
pub fn layer(methods: &Arc<Methods>) -> Around<LookUp> {
    Around(LookUp(Arc::clone(methods)))
}

impl Concern for LookUp {
    type Kept = ();

    fn before(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let served = self.0.by_path.get(request.uri().path());
        let called = served.map(|served| Called {
            served: Arc::clone(served),
            transport: Transport::of(request.extensions()),
            begun: Instant::now(),
        });
        called.and_then(|called| request.extensions_mut().insert(called));
        Ok(())
    }

    fn after((): (), response: Response<Body>) -> Response<Body> {
        response
    }
}

// === impl Methods ===

impl Methods {
    /// The methods of the parts' contract.
    #[must_use]
    pub fn new(parts: &Parts) -> Self {
        let served = |method: &Arc<Method>| {
            let input = method.input();
            let name = input.full_name();
            // A message that the validator does not know has to reach it, and be refused.
            let known = parts.validator.check_bytes(name, &[]).is_ok();
            let room = method.max_in_flight.map(|most| Arc::new(Room::new(most)));
            let metrics = |transport| CallMetrics::new(&parts.metrics, &method.path, transport);
            Served {
                method: Arc::clone(method),
                // A stream of requests cannot be held back until it is whole.
                has_rules: !method.descriptor.is_client_streaming()
                    && (!known || parts.validator.has_rules(name)),
                room,
                metrics: Transport::ALL.map(metrics),
            }
        };
        let methods = parts.contract.methods().into_iter();
        Self {
            by_path: methods
                .map(|method| (method.path.clone(), Arc::new(served(method))))
                .collect(),
        }
    }
}

// === impl Called ===

impl Called {
    /// The method of a request.
    #[must_use]
    pub fn of(request: &Request<Body>) -> Option<&Self> {
        request.extensions().get()
    }

    /// What the contract says.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.served.method
    }

    /// The metrics of the method over the call's transport.
    #[must_use]
    pub fn metrics(&self) -> &CallMetrics {
        &self.served.metrics[self.transport as usize]
    }
}
