#![no_main]

use std::convert::Infallible;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chassis::frame::{Messages, framed};
use futures_util::{FutureExt as _, stream};
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use libfuzzer_sys::fuzz_target;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The largest message that is read, in bytes.
const LIMIT: usize = 4096;

/// Pieces of a body are no longer than this.
const MAX_PIECE: usize = 64;

/// What a service behind the layer reads of a request.
type Read = Result<Vec<Bytes>, Code>;

fuzz_target!(|input: &[u8]| {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let (sizes, body) = input.split_at(end);
    let body = body.get(1..).unwrap_or_default();

    // As it is, in either form.
    let _ = read("application/grpc-web-text+proto", sizes, body);
    let binary = read("application/grpc-web+proto", sizes, body);

    // In whatever pieces, and as text: the same messages.
    assert_eq!(binary, read("application/grpc-web+proto", b"", body));
    let text = BASE64_STANDARD.encode(body);
    let text = read("application/grpc-web-text+proto", sizes, text.as_bytes());
    assert_eq!(binary, text);

    // What a client frames comes out whole.
    let message = &body[..body.len().min(LIMIT)];
    let whole = [framed(message), framed(b""), framed(message)].concat();
    let message = Bytes::copy_from_slice(message);
    let read = read("application/grpc-web+proto", sizes, &whole);
    assert_eq!(read, Ok(vec![message.clone(), Bytes::new(), message]));
});

/// Sends a body through the layer in pieces, each as long as the next byte of `sizes` says.
fn read(content_type: &str, sizes: &[u8], body: &[u8]) -> Read {
    let mut pieces = Vec::new();
    let mut left = body;
    let mut sizes = sizes.iter();
    while !left.is_empty() {
        let size = sizes
            .next()
            .map_or(left.len(), |size| usize::from(*size) % MAX_PIECE + 1);
        let (piece, rest) = left.split_at(size.min(left.len()));
        pieces.push(Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(piece))));
        left = rest;
    }
    let request = Request::post("/library.v1.Library/GetBook")
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::new(StreamBody::new(stream::iter(pieces))))
        .expect("the request is well-formed");
    let service = GrpcWebLayer::new().layer(service_fn(|request: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        response
            .extensions_mut()
            .insert(messages(request.into_body()).await);
        Ok::<_, Infallible>(response)
    }));
    // Nothing waits for anything outside, so one look is enough.
    let response = service.oneshot(request).now_or_never();
    let Ok(response) = response.expect("the service does not wait");
    let read = response.extensions().get::<Read>();
    read.expect("the layer calls the service").clone()
}

/// The messages of a body, as the gateway reads them.
async fn messages(mut body: Body) -> Read {
    let mut messages = Messages::default();
    let mut found = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|status| status.code())?;
        if let Ok(chunk) = frame.into_data() {
            messages.push(chunk);
        }
        while let Some(message) = messages.next(LIMIT).map_err(|status| status.code())? {
            found.push(message);
        }
    }
    if messages.is_empty() {
        Ok(found)
    } else {
        Err(Code::Internal)
    }
}
