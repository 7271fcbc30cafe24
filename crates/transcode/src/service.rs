//! A gRPC service behind REST, as one tower service. It takes what every HTTP server of the ecosystem
//! takes, and calls what tonic generates for a server or connects for a client.
//!
//! It decides nothing beyond transcoding: who may call, limits on calls and their logs are layers around
//! it or around the service within.

pub mod answer;
mod call;
mod failure;
mod incoming;
mod streamed;
mod trailers;

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use prost_reflect::DescriptorPool;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::stream::StreamForm;
use crate::transcoder::Transcoder;
use answer::Streaming;
use failure::Failure;

/// The largest body that is taken unless another limit is set, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How the name of a header begins in which a service says something beside its message.
const METADATA: &str = "grpc-metadata-";

/// The event after which a client wants to go on (HTML, "Server-sent events").
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Any error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers REST requests with calls to a gRPC service `S`: a server that tonic generated, several as
/// `tonic::service::Routes`, or a `tonic::transport::Channel`. Clones share the routes.
#[derive(Clone)]
pub struct RestService<S> {
    transcoder: Arc<Transcoder>,
    /// The types of error details.
    pool: DescriptorPool,
    service: S,
    body_limit: usize,
}

// === impl RestService ===

impl<S> fmt::Debug for RestService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestService")
            .field("transcoder", &self.transcoder)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

impl<S> RestService<S> {
    /// Routes of `transcoder`, calls to `service`, error details of the types of `pool`.
    #[must_use]
    pub fn new(transcoder: Arc<Transcoder>, pool: DescriptorPool, service: S) -> Self {
        Self {
            transcoder,
            pool,
            service,
            body_limit: BODY_LIMIT,
        }
    }

    /// The same with another limit for bodies, in bytes.
    #[must_use]
    pub fn with_body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }
}

impl<S, B> Service<Request<B>> for RestService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Each call waits for its own clone of the service.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let answer = this.answer(request).await;
            Ok(answer.unwrap_or_else(|failure| failure.respond(&this.pool)))
        })
    }
}

impl<S> RestService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn answer<B>(&self, request: Request<B>) -> Result<Response<Body>, Failure>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS
            && let Some(allow) = self.transcoder.allowed(head.uri.path())
        {
            return Ok(options(&allow));
        }
        let route = self.transcoder.find(&head.method, head.uri.path())?;
        let body = if route.takes_body() {
            read(&head.headers, body, self.body_limit).await?
        } else {
            Bytes::new()
        };
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or("?"));
        let streams = route.method().is_server_streaming();
        let form = match streams {
            true => {
                let form = answer::stream_form(&route, &head.headers);
                Some(form.ok_or_else(Failure::not_acceptable)?)
            }
            false => None,
        };
        let message = route.request(head.uri.query(), content_type, &body)?;
        let message = match head.headers.get(LAST_EVENT_ID) {
            Some(id) if form == Some(StreamForm::Events) => {
                route.resumed(message, id.as_bytes())?
            }
            _ => message,
        };
        let takes_trailers = answer::takes_trailers(&head.headers);
        let call = call::request(&route, head, &message);
        let service = self.service.clone();
        let (metadata, mut response) = match form {
            Some(form) => {
                let pool = self.pool.clone();
                let streaming = Streaming {
                    error: move |error| Failure::from(error).body(&pool),
                    begins: std::future::pending(),
                    takes_trailers,
                };
                let call = async move {
                    let response = called(service, call).await;
                    response.unwrap_or_else(Status::into_http)
                };
                answer::stream(&route, form, call, streaming).await?
            }
            None => {
                let response = called(service, call).await?;
                let unary = answer::unary(&route, response).await?;
                let response = unary.response.map(Full::new);
                let response = if takes_trailers {
                    answer::with_trailers(response, unary.trailers).map(Body::new)
                } else {
                    response.map(Body::new)
                };
                (unary.metadata, response)
            }
        };
        call::pass_on(METADATA, &metadata, response.headers_mut());
        Ok(response)
    }
}

async fn called<S>(mut service: S, request: Request<Body>) -> Result<Response<Body>, Status>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<BoxError>,
{
    let ready = poll_fn(|context| service.poll_ready(context)).await;
    // As a status at once: errors of a service need not be fit to be kept over an await.
    ready.map_err(unreachable)?;
    service.call(request).await.map_err(unreachable)
}

/// What a service failed with before it had a response.
fn unreachable(error: impl Into<BoxError>) -> Status {
    let status = Status::try_from_error(error.into());
    status.unwrap_or_else(|_| Status::unavailable("the service cannot be reached"))
}

fn options(allow: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

async fn read<B>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, Failure>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    let plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !encodings.iter().all(plain) {
        return Err(Failure::body_encoded());
    }
    let collected = std::pin::pin!(Limited::new(body, limit).collect());
    match collected.await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::body_too_large(limit)),
        Err(_) => Err(Status::invalid_argument("the body broke off").into()),
    }
}
