//! REST, through the contract's `google.api.http` rules. No handler is written for an endpoint.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use chassis::call::Transport;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tonic::Status;
use transcode::{Route, Transcoder};

use crate::error::Failure;
use crate::front::Front;

/// The largest body that is taken, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes before a gRPC message: a compression flag and the length.
const PREFIX: usize = 5;

/// Answers REST requests. Clones share everything.
#[derive(Debug, Clone)]
pub struct Rest {
    transcoder: Arc<Transcoder>,
    front: Front,
}

// === impl Rest ===

impl Rest {
    /// Routes of `transcoder`, calls to `front`.
    #[must_use]
    pub fn new(transcoder: Arc<Transcoder>, front: Front) -> Self {
        Self { transcoder, front }
    }

    /// Answers a request, with an error in the one shape if need be.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS
            && let Some(allow) = self.transcoder.allowed(head.uri.path())
        {
            return no_content(&allow);
        }
        self.transcode(head, body)
            .await
            .unwrap_or_else(Failure::into_response)
    }

    async fn transcode(&self, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
        let route = self.transcoder.find(&head.method, head.uri.path())?;
        let body = if route.takes_body() {
            read(&head.headers, body).await?
        } else {
            Bytes::new()
        };
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or("?"));
        let message = route.request(head.uri.query(), content_type, &body)?;
        let response = self.front.call(call(&route, head, &message)?).await;
        let (head, message) = result(response).await?;
        answer(&route, &head, &message)
    }
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

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    let plain = |encoding: &HeaderValue| {
        encoding.is_empty() || encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    };
    if !encodings.iter().all(plain) {
        return Err(Failure::body_encoded());
    }
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(Failure::body_too_large(BODY_LIMIT));
    }
    let collected = Limited::new(body, BODY_LIMIT).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Failure::body_too_large(BODY_LIMIT))
        }
        Ok(Err(_)) => Err(crate::error::BODY_INCOMPLETE
            .status("the body broke off")
            .into()),
        Err(_) => Err(Failure::body_timeout()),
    }
}

/// The gRPC call of a REST request.
fn call(
    route: &Route<'_>,
    head: Parts,
    message: &[u8],
) -> Result<Request<tonic::body::Body>, Failure> {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut call = Request::new(tonic::body::Body::new(Full::new(framed.freeze())));
    *call.method_mut() = Method::POST;
    *call.uri_mut() = route.grpc_path().parse().map_err(|_| {
        tracing::error!(path = route.grpc_path(), "a route's gRPC path is no URI");
        Status::internal("the service failed")
    })?;
    *call.version_mut() = Version::HTTP_2;
    *call.headers_mut() = head.headers;
    *call.extensions_mut() = head.extensions;
    call.extensions_mut().insert(Transport::Rest);
    Ok(call)
}

/// The metadata and the message of a gRPC response, or its status.
async fn result(response: Response<tonic::body::Body>) -> Result<(HeaderMap, Bytes), Status> {
    let (head, body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers)
        && status.code() != tonic::Code::Ok
    {
        return Err(status);
    }
    let body = body.collect().await?;
    let status = body.trailers().and_then(Status::from_header_map);
    if let Some(status) = status.filter(|status| status.code() != tonic::Code::Ok) {
        return Err(status);
    }
    let framed = body.to_bytes();
    if framed.len() < PREFIX {
        tracing::error!("an upstream answered without a message");
        return Err(Status::internal("the service failed"));
    }
    Ok((head.headers, framed.slice(PREFIX..)))
}

fn answer(
    route: &Route<'_>,
    metadata: &HeaderMap,
    message: &[u8],
) -> Result<Response<Body>, Failure> {
    let answer = route.response(message).map_err(|error| {
        tracing::error!(
            method = route.grpc_path(),
            "an answer cannot be transcoded: {error}"
        );
        Status::internal("the service failed")
    })?;
    let empty = answer.body.is_empty();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if !empty {
        headers.insert(header::CONTENT_TYPE, answer.content_type);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in metadata {
        let internal = name.as_str().starts_with("grpc-")
            || matches!(
                name.as_str(),
                "content-type" | "content-length" | "date" | "te" | "trailer"
            );
        if !internal && let Ok(name) = format!("grpc-metadata-{name}").parse::<http::HeaderName>() {
            headers.append(name, value.clone());
        }
    }
    Ok(response)
}
