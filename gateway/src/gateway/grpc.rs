//! gRPC and gRPC-Web on the port of everything else.

use std::convert::Infallible;

use axum::body::Body;
use chassis::grpc::Beside;
use http::{Method, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::error::Failure;
use crate::front::Front;

/// The forms of gRPC-Web that are read.
const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// Whether a request is for gRPC or gRPC-Web, by its content type.
pub(super) fn is_grpc(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|form| form.as_bytes().starts_with(b"application/grpc"))
}

fn is_grpc_web(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|form| form.as_bytes().starts_with(b"application/grpc-web"))
}

/// Refuses what says that it is gRPC or gRPC-Web and cannot be: there is no way to answer it in its
/// own protocol.
fn check_grpc(request: &Request<Body>) -> Result<(), Failure> {
    if request.method() != Method::POST {
        return Err(Failure::method_not_allowed("POST"));
    }
    if is_grpc_web(request) {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if !content_type.is_some_and(|form| GRPC_WEB.iter().any(|read| form == read)) {
            let read = GRPC_WEB.join(", ");
            return Err(Failure::unsupported(&format!("gRPC-Web is read as {read}")));
        }
    } else if request.version() != Version::HTTP_2 {
        return Err(Failure::invalid_request(
            "gRPC needs HTTP/2; over HTTP/1.1 send gRPC-Web (application/grpc-web) or REST",
        ));
    }
    Ok(())
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
                front.call(request).await
            };
            Ok::<_, Infallible>(response)
        }
    });
    let web = GrpcWebLayer::new().layer(calls);
    service_fn(move |request: Request<Body>| {
        let web = web.clone();
        async move {
            if let Err(failure) = check_grpc(&request) {
                return Ok(failure.into_response());
            }
            let is_web = is_grpc_web(&request);
            let request = request.map(tonic::body::Body::new);
            let response = web.oneshot(request).await?;
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
