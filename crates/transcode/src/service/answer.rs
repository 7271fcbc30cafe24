//! What a gRPC service answers, as an HTTP response: for [`RestService`](super::RestService), and for
//! gateways that make their calls and their errors themselves.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::incoming::{Incoming, Next};
use super::{streamed, trailers};
use crate::route::Route;
use crate::stream::StreamForm;

pub use super::streamed::Streaming;
pub use super::trailers::{Trailed, takes_trailers, with_trailers};

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

impl ServiceError {
    /// The same error of a service that had said something before: it is not lost.
    pub(super) fn after(self, mut metadata: HeaderMap) -> Self {
        let Self::Status(mut status) = self else {
            return self;
        };
        for (name, value) in status.metadata().as_ref() {
            metadata.append(name, value.clone());
        }
        *status.metadata_mut() = MetadataMap::from_headers(metadata);
        Self::Status(status)
    }
}

pub(super) fn broken(what: &str) -> ServiceError {
    ServiceError::Broken(what.to_owned())
}

/// What a unary method answers.
#[derive(Debug)]
pub struct Unary {
    /// What the service says before its message.
    pub metadata: HeaderMap,
    /// Status, content type, location and body.
    pub response: Response<Bytes>,
    /// What the service says after its message, as `grpc-trailer-<name>`: for [`with_trailers`], if the
    /// client [takes them](takes_trailers).
    pub trailers: HeaderMap,
}

/// The answer of a unary method.
///
/// # Errors
/// The service failed, or its answer cannot be read.
pub async fn unary(route: &Route<'_>, response: Response<Body>) -> Result<Unary, ServiceError> {
    let (metadata, mut incoming) = Incoming::of(response)?;
    let (message, trailers) = match only(&mut incoming).await {
        Ok(only) => only,
        Err(error) => return Err(error.after(metadata)),
    };
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
    if let Some(location) = answer.location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(Unary {
        metadata,
        response,
        trailers: trailers::of(&trailers),
    })
}

/// The one message of a unary call, and the trailers after it.
async fn only(incoming: &mut Incoming) -> Result<(Bytes, HeaderMap), ServiceError> {
    let Next::Message(message) = incoming.next().await? else {
        return Err(broken("a unary call has no message"));
    };
    match incoming.next().await? {
        Next::End(trailers) => Ok((message, trailers)),
        Next::Message(_) => Err(broken("a unary call has more than one message")),
    }
}

/// The metadata of a server-streaming method's answer, and the answer itself, which has begun when this
/// ends: until then an error has a status of its own, and one that comes later is the last element of the
/// body. `call` makes the call; dropping the answer drops it.
///
/// # Errors
/// The service failed before its first message, or it cannot be read.
pub async fn stream<E>(
    route: &Route<'_>,
    form: StreamForm,
    call: impl Future<Output = Response<Body>> + Send + 'static,
    streaming: Streaming<E, impl Future<Output = ()>>,
) -> Result<(HeaderMap, Response<Body>), ServiceError>
where
    E: Fn(ServiceError) -> Bytes + Send + Sync + Unpin + 'static,
{
    streamed::begin(route, form, call, streaming).await
}

/// The form in which a client takes the stream of a method, by its `Accept` headers; `None` if it takes
/// none that there is.
#[must_use]
pub fn stream_form(route: &Route<'_>, headers: &HeaderMap) -> Option<StreamForm> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    route.stream_form(&values.join(","))
}
