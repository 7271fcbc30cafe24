//! The contract's rules for requests (`buf.validate`).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation};
use tower::{Layer, Service};
use validate::{CheckError, Validator};

use super::body::{buffered, message};
use super::method::Called;
use super::{LayerService, Parts};
use crate::contract::Method;
use crate::status::Reason;

/// A request that breaks a rule of the contract.
pub const INVALID_REQUEST: Reason = Reason {
    code: Code::InvalidArgument,
    reason: "INVALID_REQUEST",
    domain: "request",
};

/// The layer.
#[derive(Debug, Clone)]
pub struct Validate(Arc<Validator>);

/// What [`Validate`] makes of a service.
#[derive(Debug, Clone)]
pub struct ValidateService<S> {
    validator: Arc<Validator>,
    inner: S,
}

pin_project! {
    /// A call within a [`ValidateService`].
    #[project = Project]
    pub enum ValidateFuture<F> {
        /// There is nothing to check.
        Passed { #[pin] inner: F },
        /// Its request is read and checked first.
        Checked { inner: Answer },
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Refuses requests that break a rule, with one field violation a rule. A request of a type without
/// rules is not even read.
#[must_use]
pub fn layer(parts: &Parts) -> Validate {
    Validate(Arc::clone(&parts.validator))
}

impl<S> Layer<S> for Validate {
    type Service = ValidateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let validator = Arc::clone(&self.0);
        ValidateService { validator, inner }
    }
}

impl<S: LayerService> Service<Request<Body>> for ValidateService<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ValidateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let called = Called::of(&request).filter(|called| called.served.has_rules);
        let Some(served) = called.map(|called| Arc::clone(&called.served)) else {
            return ValidateFuture::Passed {
                inner: self.inner.call(request),
            };
        };
        // The clone takes the place of the one that was made ready.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        let validator = Arc::clone(&self.validator);
        let inner = Box::pin(async move {
            match checked(&validator, &served.method, request).await {
                Ok(request) => ready.call(request).await,
                Err(status) => Ok(status.into_http()),
            }
        });
        ValidateFuture::Checked { inner }
    }
}

impl<F> Future for ValidateFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Passed { inner } => inner.poll(cx),
            Project::Checked { inner } => inner.as_mut().poll(cx),
        }
    }
}

impl<F> std::fmt::Debug for ValidateFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValidateFuture").finish_non_exhaustive()
    }
}

/// The request, read and found good.
async fn checked(
    validator: &Validator,
    method: &Method,
    request: Request<Body>,
) -> Result<Request<Body>, Status> {
    let (request, framed) = buffered(request).await?;
    match message(&framed) {
        Some(message) => check(validator, method, &message)?,
        // Without a message the generated server has its own answer.
        None if framed.is_empty() => {}
        None => {
            return Err(Status::unimplemented(
                "the request must be exactly one message, without compression",
            ));
        }
    }
    Ok(request)
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
