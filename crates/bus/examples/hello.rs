//! A service and a caller, over a broker in the same process: `cargo run -p bus --example hello`.
#![expect(clippy::print_stdout, reason = "an example")]

use std::{error::Error, sync::Arc, time::Duration};

use bus::{
    EmbeddedBroker, KafkaChannel, KafkaServer, keys::KeyRing, server::ServerOptions, topics,
};
use chassis::{contract::Contract, health::Health};
use test_contract::HELLO;
use test_contract::hello::hello_service_client::HelloServiceClient;
use test_contract::hello::hello_service_server::{HelloService, HelloServiceServer};
use test_contract::hello::{GreetRequest, GreetResponse, descriptors};
use tonic::{Request, Response, Status};

struct Greeter;

#[tonic::async_trait]
impl HelloService for Greeter {
    async fn greet(&self, hello: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        let text = format!("Hello, {}!", hello.into_inner().name);
        Ok(Response::new(GreetResponse { text }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let contract = Arc::new(Contract::read(descriptors(), &[HELLO])?);
    let broker = EmbeddedBroker::start(&topics::plan(&contract, &["example"], 1))?;
    let settings = broker.settings("hello", KeyRing::random()?);
    let health = Health::default();

    let (options, up) = (
        ServerOptions::new("hello", &[HELLO]),
        health.component("server"),
    );
    let service = HelloServiceServer::new(Greeter);
    let server = KafkaServer::start(&settings, &contract, options, service, up)?;

    let channel = KafkaChannel::start(&settings, contract, "example", health.component("channel"))?;
    health.ready().await;
    let mut client = HelloServiceClient::new(channel);
    let name = "world".into();
    let greeting = client.greet(GreetRequest { name }).await?;
    println!("{}", greeting.into_inner().text);

    server.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
