//! A call ends by its deadline: the method's own, or the caller's if that is sooner.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tonic::Status;
use tonic::body::Body;
use tower::Layer;

use super::around::{LayerService, Next, around};
use crate::call::Budget;
use crate::contract::Contract;
use crate::timeout;

/// Ends a call with `DEADLINE_EXCEEDED`, and drops its handler, when its time is over. Handlers find
/// the [`Budget`] in the extensions.
pub fn layer<S: LayerService>(
    contract: &Arc<Contract>,
) -> impl Layer<S, Service: LayerService> + use<S> {
    let contract = Arc::clone(contract);
    around(move |mut request: Request<Body>, next: Next<S>| {
        let deadline = contract
            .get(request.uri().path())
            .map(|method| method.deadline);
        async move {
            let Some(deadline) = deadline else {
                return next.run(request).await;
            };
            let asked = match request.headers().get(timeout::HEADER) {
                None => Ok(Duration::MAX),
                Some(asked) => asked.to_str().ok().and_then(timeout::parse).ok_or(()),
            };
            let Ok(asked) = asked else {
                return timeout::malformed().into_http();
            };
            let budget = deadline.min(asked);
            request.extensions_mut().insert(Budget(budget));
            tokio::time::timeout(budget, next.run(request))
                .await
                .unwrap_or_else(|_| {
                    Status::deadline_exceeded("the service did not answer in time").into_http()
                })
        }
    })
}
