//! The contract's rules for requests (`buf.validate`).

use std::sync::Arc;

use http::Request;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation};
use tower::Layer;
use validate::{CheckError, Validator};

use super::Parts;
use super::around::{LayerService, Next, around};
use super::body::{buffered, message};
use crate::contract::Method;
use crate::status::Reason;

/// A request that breaks a rule of the contract.
pub const INVALID_REQUEST: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "INVALID_REQUEST",
    domain: "request",
};

/// Refuses requests that break a rule, with one field violation a rule.
pub fn layer<S: LayerService>(parts: &Parts) -> impl Layer<S, Service: LayerService> + use<S> {
    let (contract, validator) = (parts.contract.clone(), parts.validator.clone());
    around(move |request: Request<Body>, next: Next<S>| {
        let method = contract.get(request.uri().path()).map(Arc::clone);
        let validator = Arc::clone(&validator);
        async move {
            let Some(method) = method else {
                return next.run(request).await;
            };
            let (request, framed) = match buffered(request).await {
                Ok(buffered) => buffered,
                Err(status) => return status.into_http(),
            };
            let checked = match message(&framed) {
                Some(message) => check(&validator, &method, &message),
                // Without a message the generated server has its own answer.
                None if framed.is_empty() => Ok(()),
                None => Err(Status::unimplemented(
                    "the request must be exactly one message, without compression",
                )),
            };
            match checked {
                Ok(()) => next.run(request).await,
                Err(status) => status.into_http(),
            }
        }
    })
}

/// Checks a request message.
///
/// # Errors
/// `INVALID_ARGUMENT`, with one field violation a broken rule.
pub fn check(validator: &Validator, method: &Method, message: &[u8]) -> Result<(), Status> {
    let input = method.input();
    match validator.check_bytes(input.full_name(), message) {
        Ok(()) => Ok(()),
        Err(CheckError::Invalid(violations)) => {
            let violations = violations
                .into_iter()
                .map(|violation| FieldViolation::new(violation.field, violation.message))
                .collect::<Vec<_>>();
            Err(violated(violations))
        }
        Err(CheckError::Undecodable(_)) => {
            Err(INVALID_REQUEST.status(format!("the request is not a {}", input.full_name())))
        }
        Err(CheckError::UnknownMessage(_)) => {
            tracing::error!(
                message = input.full_name(),
                "the validator does not know a message"
            );
            Err(Status::internal("the service failed"))
        }
    }
}

/// The status for broken rules.
#[must_use]
pub fn violated(violations: Vec<FieldViolation>) -> Status {
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect();
    let message = format!("the request is not valid: {}", fields.join("; "));
    INVALID_REQUEST.status_with(message, ErrorDetails::with_bad_request(violations))
}
