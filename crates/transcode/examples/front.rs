//! REST for a gRPC server that runs elsewhere: `front SET SERVICE UPSTREAM`, where SET is a file of
//! descriptors (`buf build -o set.binpb`), SERVICE the full name of a service, UPSTREAM the server's URI.

use std::error::Error;
use std::sync::Arc;

use prost_reflect::DescriptorPool;
use tonic::transport::Endpoint;
use transcode::service::RestService;
use transcode::{MethodPolicy, Options, Transcoder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [set, service, upstream] = arguments.as_slice() else {
        return Err("usage: front SET SERVICE UPSTREAM".into());
    };
    let pool = DescriptorPool::decode(std::fs::read(set)?.as_slice())?;
    let policy = |_: &_| Some(MethodPolicy::default());
    let transcoder = Transcoder::new(&pool, &[service.as_str()], policy, Options::default())?;

    let upstream = Endpoint::from_shared(upstream.clone())?.connect_lazy();
    let rest = RestService::new(Arc::new(transcoder), pool, upstream);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, axum::Router::new().fallback_service(rest)).await?;
    Ok(())
}
