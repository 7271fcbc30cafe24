//! REST, through the contract's `google.api.http` rules. No handler is written for an endpoint.

mod body;
mod cache;
mod keep_alive;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use chassis::call::Transport;
use chassis::contract::Contract;
use chassis::frame;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use http_body::Body as _;
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tokio::task::JoinSet;
use tonic::Status;
use transcode::service::answer::{
    ServiceError, Streaming, stream, stream_form, takes_trailers, unary, with_trailers,
};
use transcode::{Route, StreamForm, Transcoder};

use crate::client::Client;
use crate::compression::{self, Uncompressed};
use crate::error::Failure;
use crate::front::{self, Front};
use crate::limits;
use body::Bodies;
use keep_alive::KeepAlive;

/// The largest body that is taken where the contract states none, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The event after which a client wants to go on (HTML, "Server-sent events").
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How gRPC says which compression there is, and which may be.
static COMPRESSION: [HeaderName; 2] = [
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
];

/// Answers REST requests. Clones share everything.
#[derive(Debug, Clone)]
pub struct Rest {
    transcoder: Arc<Transcoder>,
    contract: Arc<Contract>,
    /// The types of error details.
    pool: DescriptorPool,
    front: Front,
    bodies: Arc<Bodies>,
}

// === impl Rest ===

impl Rest {
    /// Routes of `transcoder`, all of whose methods are of `contract`, error details of the types of
    /// `pool`, and calls to `front`.
    #[must_use]
    pub fn new(
        transcoder: Arc<Transcoder>,
        contract: Arc<Contract>,
        pool: DescriptorPool,
        front: Front,
    ) -> Self {
        let largest = contract
            .methods()
            .into_iter()
            .filter_map(|method| method.rest.max_body);
        let bodies = Bodies::new(largest.fold(BODY_LIMIT, usize::max));
        Self {
            transcoder,
            contract,
            pool,
            front,
            bodies,
        }
    }

    /// Answers a request, with an error in the one shape if need be. Its body, headers and
    /// extensions are taken out of it.
    pub async fn answer(&self, request: &mut Request<Body>) -> Response<Body> {
        if request.method() == Method::OPTIONS
            && let Some(allow) = self.transcoder.allowed(request.uri().path())
        {
            return no_content(&allow);
        }
        // A call takes the headers with it.
        let is_head = request.method() == Method::HEAD;
        let encoded = is_head && request.headers().contains_key(header::ACCEPT_ENCODING);
        let expects =
            !request.body().is_end_stream() && request.headers().contains_key(header::EXPECT);
        let response = match self.transcode(request).await {
            Ok(response) => response,
            Err(failure) => {
                let mut response = failure.respond(&self.pool);
                // Where the call was admitted and never made.
                front::write_standing(request.extensions_mut(), response.headers_mut());
                // Who waits to be asked for the body has sent nothing of it.
                if request.version() < Version::HTTP_2 && (expects || !is_spared(request).await) {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                response
            }
        };
        if is_head {
            return without_body(response, encoded);
        }
        response
    }

    async fn transcode(&self, request: &mut Request<Body>) -> Result<Response<Body>, Failure> {
        let (verb, uri) = (request.method(), request.uri());
        let route = self.transcoder.find(verb, uri.path())?;
        let reads = matches!(*verb, Method::GET | Method::HEAD);
        let grpc_path = route.grpc_path();
        let method = self.contract.get(grpc_path);
        let body = if route.takes_body() {
            // Nobody's body is read whose call would not be made.
            if !self.front.admits(grpc_path, request).await {
                return Err(self.refused(&route, request).await);
            }
            let limit = method
                .and_then(|method| method.rest.max_body)
                .unwrap_or(BODY_LIMIT);
            let mut body = std::mem::take(request.body_mut());
            let client = request.extensions().get::<Client>();
            let reading = self
                .bodies
                .read(request.headers(), client, &mut body, limit);
            let read = Box::pin(reading).await;
            if read.is_err() {
                *request.body_mut() = body;
            }
            read?
        } else {
            Bytes::new()
        };
        let headers = request.headers();
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or("?"));
        let streams = route.method().is_server_streaming();
        let form = match streams {
            true => {
                let form = stream_form(&route, headers);
                Some(form.ok_or_else(Failure::not_acceptable)?)
            }
            false => None,
        };
        let message = route.request(request.uri().query(), content_type, &body)?;
        let is_events = form == Some(StreamForm::Events);
        let last = is_events.then(|| headers.get(LAST_EVENT_ID)).flatten();
        let message = match last {
            Some(id) => route.resumed(message, id.as_bytes())?,
            None => message,
        };
        let takes_trailers = takes_trailers(headers);
        let max_age = method.and_then(|method| method.rest.cache);
        let max_age = max_age.filter(|_| reads);
        let kept = max_age.map(|_| headers.get_all(header::IF_NONE_MATCH).iter());
        let kept: Vec<_> = kept.into_iter().flatten().cloned().collect();
        let call = call(&route, request, &message);
        if let Some(form) = form {
            // What a stream keeps is large, and would make the future of every call so.
            return Box::pin(self.streamed(&route, form, call, takes_trailers)).await;
        }
        let answered = unary(&route, self.front.call(call).await).await;
        let answered = answered.map_err(|error| failed(grpc_path, error))?;
        let mut response = described(&answered.metadata, answered.response);
        if method.is_some_and(|method| method.secret_reply) {
            response.extensions_mut().insert(Uncompressed);
        }
        let response = match max_age {
            Some(max_age) => cache::kept(response, max_age, &kept),
            None => response.map(Body::from),
        };
        if takes_trailers && !answered.trailers.is_empty() {
            return Ok(trailed(response, answered.trailers));
        }
        Ok(response)
    }

    /// Why a call is refused that is not to be admitted. It goes through the front all the same, where it
    /// has its line in the log and is counted.
    async fn refused(&self, route: &Route<'_>, request: &mut Request<Body>) -> Failure {
        let call = call(route, request, b"");
        match unary(route, self.front.call(call).await).await {
            Err(error) => failed(route.grpc_path(), error),
            Ok(_) => Status::internal("the service failed").into(),
        }
    }

    /// The answer of a stream, which goes on after this.
    async fn streamed(
        &self,
        route: &Route<'_>,
        form: StreamForm,
        call: Request<tonic::body::Body>,
        takes_trailers: bool,
    ) -> Result<Response<Body>, Failure> {
        let (front, pool) = (self.front.clone(), self.pool.clone());
        let path = route.grpc_path().to_owned();
        let is_events = form == StreamForm::Events;
        let streaming = Streaming {
            error: move |error| failed(&path, error).body(&pool),
            begins: keep_alive::pause(is_events),
            takes_trailers,
        };
        // On its own: the answer may have begun, and its client take nothing of it, so that nobody would ask
        // whether the call has passed its deadline.
        let mut calls = JoinSet::new();
        calls.spawn(async move { front.call(call).await });
        let calling = async move {
            let ended = calls.join_next().await;
            match ended {
                Some(Ok(answer)) => answer,
                Some(Err(error)) => {
                    tracing::error!("the task of a call has ended before the call: {error}");
                    Status::internal("the service failed").into_http()
                }
                // There is one, until it has ended.
                None => Status::internal("the service failed").into_http(),
            }
        };
        let begun = stream(route, form, calling, streaming).await;
        let (metadata, response) = begun.map_err(|error| failed(route.grpc_path(), error))?;
        let response = described(&metadata, response);
        Ok(if is_events {
            response.map(|body| Body::new(KeepAlive::new(body)))
        } else {
            response.map(Body::new)
        })
    }
}

/// Whether nothing is left of the body of a request that was refused.
async fn is_spared(request: &mut Request<Body>) -> bool {
    if request.body().is_end_stream() {
        return true;
    }
    let mut body = std::mem::take(request.body_mut());
    Box::pin(body::spare(&mut body)).await
}

/// The answer with trailers after it.
fn trailed(response: Response<Body>, trailers: HeaderMap) -> Response<Body> {
    let length = response.body().size_hint().exact();
    let mut response = with_trailers(response, trailers).map(Body::new);
    // With trailers an answer tells its length no more.
    if length.is_some_and(|length| length < compression::SMALLEST) {
        response.extensions_mut().insert(Uncompressed);
    }
    response
}

/// What `HEAD` is answered (RFC 9110, 9.3.2). HTTP/1.1 would leave the body out by itself.
/// To a client that takes encodings nothing is said of a length that GET might not have.
fn without_body(response: Response<Body>, encoded: bool) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::TRAILER);
    let told = |length: &u64| *length > 0 && !(encoded && *length >= compression::SMALLEST);
    if let Some(length) = body.size_hint().exact().filter(told) {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Body::empty())
}

/// What `OPTIONS` is answered: the methods that the path takes.
pub(crate) fn no_content(allow: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The gRPC call of a REST request, with its headers and extensions.
fn call(
    route: &Route<'_>,
    request: &mut Request<Body>,
    message: &[u8],
) -> Request<tonic::body::Body> {
    let framed = Full::new(frame::framed(message));
    let mut call = Request::new(tonic::body::Body::new(framed));
    *call.method_mut() = Method::POST;
    *call.uri_mut() = route.grpc_uri().clone();
    *call.version_mut() = Version::HTTP_2;
    *call.headers_mut() = std::mem::take(request.headers_mut());
    // Both messages are this file's, so it is not for the client to say how they are compressed.
    for name in &COMPRESSION {
        call.headers_mut().remove(name);
    }
    *call.extensions_mut() = std::mem::take(request.extensions_mut());
    call.extensions_mut().insert(Transport::Rest);
    call
}

/// What an upstream did wrong is for the log.
fn failed(grpc_path: &str, error: ServiceError) -> Failure {
    match error {
        ServiceError::Status(status) => status.into(),
        broken @ ServiceError::Broken(_) => {
            tracing::error!(method = grpc_path, "{broken}");
            Status::internal("the service failed").into()
        }
    }
}

/// What every answer says beside its body.
fn described<B>(metadata: &HeaderMap, mut response: Response<B>) -> Response<B> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    pass_on(metadata, headers);
    response
}

/// Passes on what an upstream says beside its message, and what the gateway itself says of the call.
pub(crate) fn pass_on(metadata: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in metadata {
        if limits::HEADERS.contains(name) {
            headers.insert(name.clone(), value.clone());
            continue;
        }
        let internal = name.as_str().starts_with("grpc-")
            || matches!(
                name.as_str(),
                "content-type" | "content-length" | "date" | "te" | "trailer"
            );
        if !internal && let Ok(name) = format!("grpc-metadata-{name}").parse::<HeaderName>() {
            headers.append(name, value.clone());
        }
    }
}
