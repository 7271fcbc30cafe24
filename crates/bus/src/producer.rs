//! A producer whose reports are handled on a thread of its own.
//!
//! As rdkafka's `ThreadedProducer`, but that one polls for 100 ms at a time and spins through the
//! last millisecond of each: a hundredth of a core for every idle producer.

mod laned;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::Client;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::{
    BaseProducer, BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext,
};

pub(crate) use laned::{Lane, LanedProducer};

/// How long one poll lasts: rdkafka spins through its last millisecond. Reports are handled as they
/// come; this is how soon a dropped producer's thread ends.
const POLL: Duration = Duration::from_secs(2);

/// A producer, polled.
pub(crate) struct PolledProducer<C: ProducerContext<NoCustomPartitioner> + 'static> {
    producer: Arc<BaseProducer<C>>,
    stop: Arc<AtomicBool>,
}

impl<C: ProducerContext<NoCustomPartitioner> + 'static> PolledProducer<C> {
    pub(crate) fn create(config: &ClientConfig, context: C) -> Result<Self, KafkaError> {
        let producer = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, stopped) = (Arc::clone(&producer), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("bus-reports".into())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    polled.poll(POLL);
                }
            })
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { producer, stop })
    }

    /// Hands a record to librdkafka, which sends it in the background.
    pub(crate) fn send<'a>(
        &self,
        record: BaseRecord<'a, [u8], [u8], C::DeliveryOpaque>,
    ) -> Result<(), KafkaError> {
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Waits until nothing is on its way, for `timeout` at most. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.producer.flush(timeout)
    }

    pub(crate) fn client(&self) -> &Client<C> {
        self.producer.client()
    }
}

impl<C: ProducerContext<NoCustomPartitioner> + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
