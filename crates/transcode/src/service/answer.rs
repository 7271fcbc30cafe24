//! What a gRPC service answers, as an HTTP response: for [`RestService`](super::RestService), and for
//! gateways that make their calls and their errors themselves.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;

use super::incoming::{Incoming, Next};
use super::streamed;
use crate::route::Route;
use crate::stream::StreamForm;

/// A service gave no answer.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// It failed, with a status of its own.
    #[error("the call failed: {0}")]
    Status(#[from] Status),
    /// It does not keep to gRPC or to its contract. For the log: clients can do nothing about it.
    #[error("the service's answer cannot be read: {0}")]
    Broken(String),
}

pub(super) fn broken(what: &str) -> ServiceError {
    ServiceError::Broken(what.to_owned())
}

/// The metadata of a unary method's answer, and the answer itself with status, content type and body.
///
/// # Errors
/// The service failed, or its answer cannot be read.
pub async fn unary(
    route: &Route<'_>,
    response: Response<Body>,
) -> Result<(HeaderMap, Response<Bytes>), ServiceError> {
    let (metadata, mut incoming) = Incoming::of(response)?;
    let Next::Message(message) = incoming.next().await? else {
        return Err(broken("a unary call has no message"));
    };
    if let Next::Message(_) = incoming.next().await? {
        return Err(broken("a unary call has more than one message"));
    }
    let answer = route
        .response(&message)
        .map_err(|error| broken(&error.to_string()))?;
    let has_body = answer.has_body();
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    if has_body {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, answer.content_type);
    }
    Ok((metadata, response))
}

/// The metadata of a server-streaming method's answer, and the answer itself, which has begun when this
/// ends: until then an error has a status of its own. `error` makes the JSON of one that comes later,
/// which is the last element of the body.
///
/// # Errors
/// The service failed before its first message, or it cannot be read.
pub async fn stream(
    route: &Route<'_>,
    form: StreamForm,
    response: Response<Body>,
    error: impl Fn(ServiceError) -> Bytes + Send + Sync + Unpin + 'static,
) -> Result<(HeaderMap, Response<Body>), ServiceError> {
    streamed::begin(route, form, response, error).await
}

/// The form in which a client takes the stream of a method, by its `Accept` headers; `None` if it takes
/// none that there is.
#[must_use]
pub fn stream_form(route: &Route<'_>, headers: &HeaderMap) -> Option<StreamForm> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    route.stream_form(&values.join(","))
}
