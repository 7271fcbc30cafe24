//! Bytes in place of a message, signed by one of ours.

use std::convert::Infallible;

use bus::header;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::Response;
use http_body_util::{BodyExt as _, Full};
use test_contract::Echo;
use test_contract::echo::EchoRequest;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt as _, service_fn};

use crate::harness::{Bus, within};

const ECHO: &str = "/echo.v1.EchoService/Echo";

/// No message begins like this.
const GARBAGE: &[u8] = b"\xff\xff\xff";

/// As gRPC frames a message.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

pub(crate) async fn a_request_that_is_no_message_is_its_callers_fault(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let request = http::Request::post(ECHO)
        .header(header::TIMEOUT, "5S")
        .body(Body::new(Full::new(framed(GARBAGE))))
        .unwrap();
    let response = within(bus.channel().await.oneshot(request)).await.unwrap();
    let (head, body) = response.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned();
    let status = Status::from_header_map(&head.headers)
        .or_else(|| Status::from_header_map(&trailers?))
        .unwrap();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(
        status.message().contains("echo.v1.EchoRequest"),
        "{status:?}"
    );
    bus.client()
        .await
        .echo(EchoRequest::default())
        .await
        .unwrap();
    bus.finish().await;
}

pub(crate) async fn a_reply_that_is_no_message_is_an_internal_error(bus: Bus) {
    let service = service_fn(async |_| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert(header::STATUS, http::HeaderValue::from_static("0"));
        let body = Full::new(framed(GARBAGE));
        let trailers = std::future::ready(Some(Ok::<_, Infallible>(trailers)));
        let response = Response::new(Body::new(body.with_trailers(trailers)));
        Ok::<_, Infallible>(response)
    });
    bus.start(&Echo::default(), None, bus.options(), service)
        .await;
    let mut client = bus.client().await;
    for _ in 0..2 {
        let status = client.echo(EchoRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
    }
    bus.finish().await;
}
