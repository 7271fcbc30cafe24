//! Pages beside the contract's routes: health, and the API's documents.

use axum::Router;
use axum::body::Body;
use chassis::admin::probes;
use chassis::health::Health;
use chassis::shutdown::Shutdown;
use http::{HeaderValue, Method, Response, StatusCode, header};
use token::AccessVerifier;

use crate::error::Failure;
use crate::rest;

pub mod docs;
mod keys;
pub mod openapi;

/// Where pages of a process's own are.
const FURTHER: &str = "/dev/";

/// The paths of pages, and how paths of pages begin. All others are REST's.
const PATHS: [&str; 7] = [
    keys::PATH,
    "/health",
    "/livez",
    "/readyz",
    "/api/docs",
    "/api/openapi.json",
    "/api/docs/",
];

/// Whether a path is a page's. `further` says whether the process has pages of its own.
#[must_use]
pub fn owns(path: &str, further: bool) -> bool {
    if further && path.starts_with(FURTHER) {
        return true;
    }
    PATHS
        .iter()
        .any(|page| path == *page || (page.ends_with('/') && path.starts_with(page)))
}

/// The pages.
pub fn router(
    health: Health,
    stopping: Shutdown,
    openapi: openapi::Document,
    verifier: &AccessVerifier,
) -> Router {
    let pages = docs::router(openapi).merge(keys::router(verifier));
    probes(health, stopping).merge(pages)
}

/// Puts what a page refused into the one error shape. What is JSON has it already. A page knows no
/// `OPTIONS`: the answer is made of the methods it does know.
pub fn shaped(method: &Method, response: Response<Body>) -> Response<Body> {
    let (status, headers) = (response.status(), response.headers());
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_json = content_type.is_some_and(|form| form.as_bytes().starts_with(b"application/json"));
    if !is_error || is_json {
        return response;
    }
    let allow = headers.get(header::ALLOW).map(HeaderValue::to_str);
    match (status, allow) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(Ok(allow))) => {
            let allow = allow.replace(',', ", ");
            if method == Method::OPTIONS {
                rest::no_content(&allow)
            } else {
                Failure::method_not_allowed(allow).into_response()
            }
        }
        _ => Failure::of_page(status).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: StatusCode) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    }

    #[test]
    fn every_bare_refusal_is_shaped_and_keeps_its_status() {
        for status in [400, 404, 408, 413, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            let response = shaped(&Method::GET, refused(status));
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }

    #[test]
    fn what_is_json_or_no_error_stays() {
        let mut json = refused(StatusCode::NOT_FOUND);
        let form = HeaderValue::from_static("application/json");
        json.headers_mut().insert(header::CONTENT_TYPE, form);
        for response in [json, refused(StatusCode::PERMANENT_REDIRECT)] {
            let headers = response.headers().clone();
            assert_eq!(*shaped(&Method::GET, response).headers(), headers);
        }
    }
}
