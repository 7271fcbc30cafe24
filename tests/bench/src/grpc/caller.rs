//! The calling end.

use anyhow::{Result, ensure};
use bus::KafkaChannel;
use chassis::health::Health;
use test_contract::echo::EchoRequest;
use test_contract::echo::echo_service_client::EchoServiceClient;

use super::{APP, contract, ready, settings};
use crate::bare::VALUE_BYTES;
use crate::sides::Caller;

/// The tag and the length that come before the payload in both messages.
const FIELD_BYTES: usize = 2;

/// Calls `Echo`.
#[derive(Debug, Clone)]
pub(crate) struct GrpcCaller {
    channel: KafkaChannel,
    client: EchoServiceClient<KafkaChannel>,
    request: EchoRequest,
}

impl GrpcCaller {
    pub(crate) async fn start(brokers: &str) -> Result<Self> {
        let health = Health::default();
        let settings = settings(brokers)?;
        let channel = KafkaChannel::start(&settings, contract()?, APP, health.component("kafka"))?;
        ready(&health).await?;
        Ok(Self {
            client: EchoServiceClient::new(channel.clone()),
            channel,
            request: EchoRequest {
                payload: vec![7; VALUE_BYTES - FIELD_BYTES],
                ..EchoRequest::default()
            },
        })
    }
}

impl Caller for GrpcCaller {
    async fn round_trip(&mut self) -> Result<()> {
        let reply = self.client.echo(self.request.clone()).await?;
        let payload = reply.into_inner().payload;
        ensure!(
            payload.len() == self.request.payload.len(),
            "a reply of another length"
        );
        Ok(())
    }

    async fn end(self) {
        self.channel.shutdown().await;
    }
}
