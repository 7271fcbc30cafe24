//! gRPC and gRPC-Web on the port of everything else.

use std::convert::Infallible;

use axum::body::Body;
use chassis::grpc::Beside;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::arrival;
use crate::error::Failure;
use crate::front::Front;

/// The forms of gRPC that are read: messages are of protobuf.
const GRPC: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// The same of gRPC-Web.
const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// The content type of a request, without its parameters.
fn form(request: &Request<Body>) -> &[u8] {
    let form = request.headers().get(header::CONTENT_TYPE);
    let form = form.map_or(&b""[..], |form| form.as_bytes());
    let end = form.iter().position(|byte| *byte == b';');
    form[..end.unwrap_or(form.len())].trim_ascii()
}

fn begins_with(form: &[u8], start: &str) -> bool {
    let head = form.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

/// Whether a request is for gRPC or gRPC-Web, by its content type.
pub(super) fn is_grpc(request: &Request<Body>) -> bool {
    begins_with(form(request), "application/grpc")
}

fn is_grpc_web(request: &Request<Body>) -> bool {
    begins_with(form(request), "application/grpc-web")
}

/// Refuses what says that it is gRPC or gRPC-Web and cannot be: there is no way to answer it in its
/// own protocol. What is left has its content type in its usual spelling.
fn check_grpc(request: &mut Request<Body>) -> Result<(), Failure> {
    if request.method() != Method::POST {
        return Err(Failure::method_not_allowed("POST"));
    }
    let is_web = is_grpc_web(request);
    if !is_web && request.version() != Version::HTTP_2 {
        return Err(Failure::invalid_request(
            "gRPC needs HTTP/2; over HTTP/1.1 send gRPC-Web (application/grpc-web) or REST",
        ));
    }
    let read: &[&'static str] = if is_web { &GRPC_WEB } else { &GRPC };
    let form = form(request);
    let Some(usual) = read
        .iter()
        .find(|read| form.eq_ignore_ascii_case(read.as_bytes()))
    else {
        let (name, read) = (if is_web { "gRPC-Web" } else { "gRPC" }, read.join(", "));
        return Err(Failure::unsupported(&format!("{name} is read as {read}")));
    };
    let usual = HeaderValue::from_static(usual);
    let headers = request.headers_mut();
    // The answer is in the form of the request, unless another one is asked for.
    let is_text = begins_with(usual.as_bytes(), "application/grpc-web-text");
    let accept = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    if is_text && accept.is_none_or(|accept| begins_with(accept, "application/grpc-web-text")) {
        let text = HeaderValue::from_static("application/grpc-web-text");
        headers.insert(header::ACCEPT, text);
    }
    headers.insert(header::CONTENT_TYPE, usual);
    Ok(())
}

/// Whether a header of an upstream's answer is not for a browser: what pages of other origins may do, and
/// who may keep the answer, is for the gateway to say.
fn is_for_the_gateway(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
        || [header::SET_COOKIE, header::CACHE_CONTROL].contains(name)
}

/// Native gRPC and gRPC-Web: the front, and health and reflection beside it.
pub(super) fn service(
    front: Front,
    beside: Beside,
) -> impl tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let calls = service_fn(move |request: Request<tonic::body::Body>| {
        let (front, beside) = (front.clone(), beside.clone());
        async move {
            // Health and reflection are the gateway's own, not the contract's.
            let response = if chassis::grpc::is_infrastructure(request.uri().path()) {
                beside.answer(request).await
            } else {
                front.call(arrival::watched(request)).await
            };
            Ok::<_, Infallible>(response)
        }
    });
    let web = GrpcWebLayer::new().layer(calls);
    service_fn(move |mut request: Request<Body>| {
        let web = web.clone();
        async move {
            if let Err(failure) = check_grpc(&mut request) {
                return Ok(failure.into_response());
            }
            let is_web = is_grpc_web(&request);
            let request = request.map(tonic::body::Body::new);
            let mut response = web.oneshot(request).await?;
            if is_web {
                let names = response.headers().keys();
                let taken: Vec<_> = names
                    .filter(|name| is_for_the_gateway(name))
                    .cloned()
                    .collect();
                for name in taken {
                    response.headers_mut().remove(name);
                }
            }
            // gRPC-Web's trailers and base64 make the body longer than the message, whose length
            // tonic-web passes on: it would be taken for the body's, which would then be cut short.
            let unsized_if_web = |body: tonic::body::Body| {
                if is_web {
                    Body::new(body.map_frame(|frame| frame))
                } else {
                    Body::new(body)
                }
            };
            Ok(response.map(unsized_if_web))
        }
    })
}
