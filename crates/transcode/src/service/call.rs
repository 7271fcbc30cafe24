//! The gRPC call of a request, and the headers both ways.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};
use http_body_util::Full;
use tonic::body::Body;

use crate::route::Route;

/// Headers that speak of the HTTP message or its connection, and not of the call.
static OF_HTTP: [HeaderName; 18] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The call with this message; headers of the request are its metadata.
pub(super) fn request(route: &Route<'_>, head: Parts, message: &[u8]) -> Request<Body> {
    let mut call = Request::new(Body::new(Full::new(framed(message))));
    *call.method_mut() = Method::POST;
    *call.version_mut() = Version::HTTP_2;
    *call.uri_mut() = route.grpc_uri().clone();
    *call.headers_mut() = metadata(head.headers);
    *call.extensions_mut() = head.extensions;
    call
}

/// A message with its prefix: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The metadata of a call. Of gRPC's own headers the client may set the deadline alone.
fn metadata(mut headers: HeaderMap) -> HeaderMap {
    let own = |name: &HeaderName| name.as_str().starts_with("grpc-") && name != "grpc-timeout";
    let named = headers.get_all(header::CONNECTION).iter();
    let named: Vec<_> = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let names: Vec<_> = headers.keys().filter(|name| own(name)).cloned().collect();
    for name in OF_HTTP.iter().chain(&names).chain(&named) {
        headers.remove(name);
    }
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let grpc = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, grpc);
    headers
}

/// Passes on what a service says beside its message, under names that begin with `prefix`.
pub(super) fn pass_on(prefix: &str, metadata: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in metadata {
        let passes = !name.as_str().starts_with("grpc-") && !OF_HTTP.contains(name);
        if passes && let Ok(name) = HeaderName::try_from(format!("{prefix}{name}")) {
            headers.append(name, value.clone());
        }
    }
}
