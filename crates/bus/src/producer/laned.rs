//! A producer of requests and replies with two lanes: what is sent alone leaves at once, what is sent
//! in a crowd gathers.
//!
//! librdkafka lingers for every record or for none, so each lane is a client of its own. Between the
//! lanes there is no order: what has to stay in order stays on one lane.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::Client;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, ProducerContext};

use super::PolledProducer;

/// How long a record may wait for others where it gathers, in milliseconds. librdkafka looks each
/// millisecond, so some wait for one.
const LINGER_MS: &str = "0.2";

/// How many records for one partition leave at once, without waiting for more.
const BATCH: &str = "64";

/// How a record leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// At once.
    Swift,
    /// With those that come right after it.
    Gathering,
}

/// Two producers of one configuration, polled.
pub(crate) struct LanedProducer<C: ProducerContext<NoCustomPartitioner> + 'static> {
    swift: PolledProducer<C>,
    gathering: PolledProducer<C>,
}

impl<C: ProducerContext<NoCustomPartitioner> + Clone + 'static> LanedProducer<C> {
    pub(crate) fn create(config: &ClientConfig, context: C) -> Result<Self, KafkaError> {
        let mut lingering = config.clone();
        lingering
            .set("linger.ms", LINGER_MS)
            .set("batch.num.messages", BATCH);
        Ok(Self {
            swift: PolledProducer::create(config, context.clone())?,
            gathering: PolledProducer::create(&lingering, context)?,
        })
    }

    /// Hands a record to librdkafka, which sends it in the background.
    pub(crate) fn send<'a>(
        &self,
        lane: Lane,
        record: BaseRecord<'a, [u8], [u8], C::DeliveryOpaque>,
    ) -> Result<(), KafkaError> {
        match lane {
            Lane::Swift => self.swift.send(record),
            Lane::Gathering => self.gathering.send(record),
        }
    }

    /// Waits until nothing is on its way, for `timeout` at most. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        let until = Instant::now() + timeout;
        let swift = self.swift.flush(timeout);
        let left = until.saturating_duration_since(Instant::now());
        self.gathering.flush(left).and(swift)
    }

    pub(crate) fn client(&self) -> &Client<C> {
        self.swift.client()
    }
}
