//! The least that stands between a REST client and a gRPC server in Rust: hyper on one side, tonic's
//! channel on the other; no routes, no JSON, no log. What it costs is what no gateway can save.

use anyhow::Result;
use bytes::Bytes;
use chassis::frame;
use http::{HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

pub(crate) async fn serve(listener: TcpListener, upstream: &str) -> Result<()> {
    let channel = Endpoint::from_shared(format!("http://{upstream}"))?
        .tcp_nodelay(true)
        .connect_lazy();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let channel = channel.clone();
        let service = service_fn(move |request| pass(request, channel.clone()));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        // A client that goes ends its connection, nothing else.
        tokio::spawn(connection);
    }
}

async fn pass(request: Request<Incoming>, channel: Channel) -> Result<Response<Full<Bytes>>> {
    request.into_body().collect().await?;
    let body = tonic::body::Body::new(Full::new(frame::framed(&[])));
    let mut call = Request::new(body);
    *call.method_mut() = Method::POST;
    *call.uri_mut() = "/bench.v1.UserService/Find".parse()?;
    *call.version_mut() = Version::HTTP_2;
    let headers = call.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let response = channel.oneshot(call).await?;
    let message = response.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::new(message.slice(frame::PREFIX..))))
}
