//! `/api/docs`: Swagger UI, served from the binary; `/api/openapi.json`: what it shows.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use utoipa_swagger_ui::Config;

use super::openapi::Document;

const DOCUMENT: &str = "/api/openapi.json";

/// Scripts and connections from here alone; Swagger UI styles its elements inline.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn router(openapi: Document) -> Router {
    let config = Config::from(DOCUMENT)
        .persist_authorization(false)
        .validator_url("none");
    let config = Arc::new(config);
    let file = move |path: String| {
        let config = Arc::clone(&config);
        async move { file(&path, config) }
    };
    let index = file.clone();
    let document = move || {
        let openapi = openapi.clone();
        async move {
            let json = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, json)], openapi.json())
        }
    };
    Router::new()
        .route(DOCUMENT, get(document))
        .route("/api/docs", get(async || Redirect::permanent("/api/docs/")))
        .route("/api/docs/", get(move || index(String::new())))
        .route(
            "/api/docs/{*path}",
            get(move |Path(path): Path<String>| file(path)),
        )
}

fn file(path: &str, config: Arc<Config<'static>>) -> Response {
    match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(file)) => {
            let mut response = Response::new(Body::from(file.bytes.into_owned()));
            let headers = response.headers_mut();
            if let Ok(form) = HeaderValue::try_from(file.content_type) {
                headers.insert(header::CONTENT_TYPE, form);
            }
            if file.gzpipped {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(POLICY),
            );
            response
        }
        Ok(None) => crate::error::Failure::from(transcode::Miss::NotFound).into_response(),
        Err(error) => {
            tracing::error!("the documentation page failed: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
