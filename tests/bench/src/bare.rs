//! The floor: a ping-pong with nothing but the Kafka client.
//!
//! A `FutureProducer`, a `StreamConsumer` and one assigned partition at either end; at the caller one
//! map of the calls in flight. What a program would do that needs nothing of the bus.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bus::topics::{self, TopicSpec};
use rdkafka::consumer::StreamConsumer;
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::serve;

mod caller;
mod client;
mod dress;

pub(crate) use caller::BareCaller;
pub(crate) use dress::Dress;

/// As long as the topic of `Echo`.
const REQUESTS: &str = "bare.echo";
/// As long as the reply topic of the bus's caller.
const REPLIES: &str = "reply.floor";
/// The only partition of both.
const PARTITION: i32 = 0;
/// As long as the bus's own topics keep theirs.
const RETENTION: Duration = Duration::from_secs(15 * 60);
/// What a value has at either end, in bytes.
pub(crate) const VALUE_BYTES: usize = 128;

/// Answers until standard input closes.
///
/// # Errors
/// When the topics cannot be had or the broker is lost.
pub(crate) async fn worker(brokers: &str, dress: Dress) -> Result<()> {
    let topics = [REPLIES, REQUESTS].map(|name| TopicSpec {
        name: name.into(),
        partitions: 1,
        retention: RETENTION,
    });
    topics::apply(brokers, &topics, None).await?;
    let consumer = client::consumer(brokers, REQUESTS)?;
    let producer = client::producer(brokers)?;
    tokio::select! {
        ended = answer(&consumer, &producer, dress) => ended,
        closed = serve::until_input_closes() => closed,
    }
}

async fn answer(consumer: &StreamConsumer, producer: &FutureProducer, dress: Dress) -> Result<()> {
    let reply = dress.reply();
    loop {
        let request = consumer.recv().await.context("requests cannot be read")?;
        let value = request.payload().context("a request without a value")?;
        let record = FutureRecord::<[u8], [u8]>::to(REPLIES)
            .partition(PARTITION)
            .payload(value);
        let record = reply.answering(record, &request)?;
        // Its report is not waited for: the caller's answer tells.
        let sent = producer.send_result(record);
        sent.map_err(|(error, _)| error)
            .context("a reply cannot be sent")?;
    }
}
