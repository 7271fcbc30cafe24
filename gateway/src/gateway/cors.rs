//! Browsers that call from pages of other origins (the Fetch standard's CORS protocol).

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{request_id, rest};

/// How long a browser may keep the answer to a preflight.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(3600);

/// Lets pages of `origins` call, and send the headers of `metadata` beside the usual ones.
pub(super) fn layer(origins: Vec<HeaderValue>, metadata: Vec<HeaderName>) -> CorsLayer {
    let allowed = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT_LANGUAGE,
        header::IF_NONE_MATCH,
        HeaderName::from_static("grpc-timeout"),
        HeaderName::from_static("x-grpc-web"),
        HeaderName::from_static("x-user-agent"),
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("traceparent"),
        HeaderName::from_static("tracestate"),
        HeaderName::from_static("baggage"),
        request_id::HEADER,
        rest::LAST_EVENT_ID,
    ];
    // Over REST metadata comes in either form.
    let prefixed = metadata
        .iter()
        .filter_map(|name| format!("grpc-metadata-{name}").parse().ok());
    let prefixed: Vec<HeaderName> = prefixed.collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(
            allowed
                .into_iter()
                .chain(metadata)
                .chain(prefixed)
                .collect::<Vec<_>>(),
        )
        // Which metadata an answer has is for its service to know, and no cookie makes it a secret.
        .expose_headers(Any)
        .max_age(PREFLIGHT_KEPT)
}
