//! A gRPC server that answers every call with the same user.

use std::convert::Infallible;

use anyhow::Result;
use bytes::Bytes;
use chassis::frame;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use prost_types::Timestamp;
use tokio::net::TcpListener;

use crate::contract::User;

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let user = User {
        id: "018f4e3e-5a8b-7c3d-9f00-3c2a1b0d9e8f".into(),
        email: "ada@example.com".into(),
        name: "Ada Lovelace".into(),
        created_at: Some(Timestamp {
            seconds: 1_767_225_600,
            nanos: 123_000_000,
        }),
    };
    let answer = frame::framed(&user.encode_to_vec());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        let service = service_fn(move |request| respond(request, answer.clone()));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(1000)
            .serve_connection(TokioIo::new(stream), service);
        // A client that goes ends its connection, nothing else.
        tokio::spawn(connection);
    }
}

async fn respond(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    request.into_body().collect().await?;
    let trailers = async {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    let mut response = Response::new(Full::new(answer).with_trailers(trailers).boxed());
    let form = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, form);
    Ok(response)
}
